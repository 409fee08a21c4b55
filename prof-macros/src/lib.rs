//! prof-macros
