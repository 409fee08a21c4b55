//! The cases of `shapes`, compiled for edition 2021: see the test target.
