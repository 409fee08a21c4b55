//! Pages of the repository, as they are in this version.

// `guide.md` says where a link between pages leads in rustdoc. It comes first: of two definitions, Markdown takes the
// first.
macro_rules! pages {
    ($($name:ident = $file:literal,)*) => {$(
        #[doc = include_str!("guide.md")]
        #[doc = include_str!(concat!("../", $file))]
        pub mod $name {}
    )*};
}

pages! {
    faults = "FAULTS.md",
    hangs = "docs/hangs.md",
}
