//! Published attribute macros beside `#[prof]`: see the test target.
