//! The contexts from outside.

mod top_n;
