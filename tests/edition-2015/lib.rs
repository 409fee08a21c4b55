//! The shapes that edition 2015 has: see the test target.
