//! The cases of `shapes`, compiled for edition 2018: see the test target.
