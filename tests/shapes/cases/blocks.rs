//! The attribute on whole impls, traits and modules.

mod i01_i02_inherent_impls {
    use prof_runtime::prof;
    use prof_tests::{block_on, calls};

    struct Store {
        rows: Vec<u8>,
    }

    #[prof]
    impl Store {
        #![allow(dead_code)]

        const LIMIT: usize = { 3 + Self::BASE };
        const BASE: usize = 1;

        pub(crate) const fn empty() -> Self {
            Self { rows: Vec::new() }
        }

        fn new(rows: &[u8]) -> Self {
            Self { rows: rows.to_vec() }
        }

        fn first(&self) -> Result<u8, String> {
            let first = self.rows.first().ok_or("empty")?;
            Ok(*first)
        }

        async fn later(self) -> Result<usize, ()> {
            if self.rows.len() > Self::LIMIT {
                return Err(());
            }
            Ok(self.rows.len())
        }
    }

    #[test]
    fn every_function_but_the_const_one_is_counted() {
        let seen = calls(|| {
            Store::empty().first().unwrap_err();
            block_on(Store::new(&[1]).later()).unwrap();
        });
        assert_eq!(seen, ["Store.first.failure", "Store.new.success", "Store.later.success"]);
    }
}

mod i06_i10_members_with_attributes_and_qualifiers {
    use prof_runtime::prof;

    struct Store;

    #[prof]
    impl Store {
        #![allow(dead_code)]

        #[cfg(any())]
        fn never(&self) -> Missing {}

        #[deprecated]
        unsafe fn old(&self) {}

        extern "C" fn foreign(x: u8) -> u8 {
            x
        }
    }

    #[test]
    fn are_kept() {
        assert_eq!(prof_tests::calls(|| Store::foreign(1)), ["Store.foreign.success"]);
    }
}

mod i01_overrides_inside_a_block {
    use prof_runtime::prof;

    struct Store;

    #[prof(group = "store")]
    impl Store {
        #[prof(skip)]
        fn skipped(&self) {}

        #[cfg_attr(all(), prof(skip))]
        fn skipped_conditionally(&self) {}

        #[cfg_attr(any(), prof(skip))]
        fn kept_conditionally(&self) {}

        #[prof(name = "renamed")]
        fn named(&self) {}
    }

    #[test]
    fn are_followed() {
        let seen = prof_tests::calls(|| {
            Store.skipped();
            Store.skipped_conditionally();
            Store.kept_conditionally();
            Store.named();
        });
        assert_eq!(seen, ["Store.kept_conditionally.success", "renamed.success"]);
        let mut sites = prof_runtime::callsites();
        assert_eq!(sites.find(|site| site.name() == "Store.kept_conditionally").unwrap().group(), "store");
    }
}

mod i03_i04_trait_impls_and_generics {
    use prof_runtime::prof;
    use std::marker::PhantomData;

    trait Table {
        const WIDTH: usize;
        type Row<'a>
        where
            Self: 'a;
        fn row<'a>(&'a self, at: usize) -> Result<Self::Row<'a>, ()>;
    }

    struct Fixed<'a, T, const N: usize>([T; N], PhantomData<&'a ()>);

    #[prof]
    impl<T, const N: usize> Table for Fixed<'_, T, { N }>
    where
        [T; N]: Sized,
    {
        const WIDTH: usize = { N };
        type Row<'a>
            = &'a T
        where
            Self: 'a;

        fn row<'a>(&'a self, at: usize) -> Result<Self::Row<'a>, ()> {
            if at >= N {
                return Err(());
            }
            Ok(&self.0[at])
        }
    }

    #[prof]
    impl<'a, T: Clone, const N: usize> Fixed<'a, T, N> {
        fn get(&self, at: usize) -> T {
            self.0[at].clone()
        }
    }

    #[test]
    fn have_names_without_generics() {
        let fixed = Fixed([1, 2], PhantomData);
        let calls = prof_tests::calls(|| {
            assert_eq!(fixed.row(0), Ok(&1));
            assert_eq!(fixed.get(1), <Fixed<'_, i32, 2> as Table>::WIDTH as i32);
        });
        assert_eq!(calls, ["Fixed.row.success", "Fixed.get.success"]);
    }
}

mod i05_macros_as_members {
    use prof_runtime::prof;

    struct S;

    macro_rules! member {
        ($name:ident) => {
            fn $name(&self) -> u8 {
                1
            }
        };
    }

    #[prof]
    impl S {
        member!(one);
        member! { two }
        fn three(&self) -> u8 {
            self.one() + self.two() + 1
        }
    }

    #[test]
    fn are_passed_on() {
        assert_eq!(prof_tests::calls(|| assert_eq!(S.three(), 3)), ["S.three.success"]);
    }
}

mod i07_i10_special_impls {
    use prof_runtime::prof;
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    struct S(Vec<u8>);

    #[prof]
    impl Drop for S {
        fn drop(&mut self) {
            self.0.clear();
        }
    }

    #[prof]
    impl Future for S {
        type Output = usize;
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<usize> {
            Poll::Ready(self.0.len())
        }
    }

    unsafe trait Trusted {
        unsafe fn trusted(&self) -> usize;
    }

    #[prof]
    // SAFETY: nothing is promised.
    unsafe impl Trusted for S {
        unsafe fn trusted(&self) -> usize {
            self.0.len()
        }
    }

    #[test]
    fn are_implemented_as_before() {
        let calls = prof_tests::calls(|| {
            let s = S(vec![1]);
            // SAFETY: nothing is asked for.
            assert_eq!(unsafe { s.trusted() }, 1);
            prof_tests::block_on(s)
        });
        assert_eq!(calls, ["S.trusted.success", "S.poll.success", "S.drop.success"]);
    }
}

mod i08_i09_async_trait {
    use async_trait::async_trait;
    use prof_runtime::prof;
    use prof_tests::{block_on, calls, yield_now};

    #[prof]
    #[async_trait]
    trait Outside {
        async fn outside(&self, fail: bool) -> Result<u8, u8>;
        async fn default(&self) -> u8 {
            yield_now().await;
            1
        }
    }

    #[async_trait]
    #[prof]
    trait Inside {
        async fn inside(&mut self, text: &str) -> Result<u8, u8>;
    }

    struct S;

    #[prof]
    #[async_trait]
    impl Outside for S {
        async fn outside(&self, fail: bool) -> Result<u8, u8> {
            yield_now().await;
            if fail {
                return Err(1);
            }
            Ok(1)
        }
    }

    #[async_trait]
    #[prof]
    impl Inside for S {
        async fn inside(&mut self, text: &str) -> Result<u8, u8> {
            yield_now().await;
            if text.is_empty() {
                return Err(1);
            }
            Ok(1)
        }
    }

    #[test]
    fn is_measured_over_the_await_in_either_order() {
        let seen = calls(|| {
            block_on(S.outside(true)).unwrap_err();
            block_on(S.default());
            block_on(S.inside("")).unwrap_err();
        });
        assert_eq!(seen, ["S.outside.failure", "Outside.default.success", "S.inside.failure"]);
    }
}

mod i12_traits {
    use prof_runtime::prof;

    #[prof]
    trait Shape: Sized {
        const SIDES: u32 = 3;
        type Output;
        fn declared(&self) -> Self::Output;
        fn defaulted(&self) -> Result<Self::Output, u8> {
            Some(self.declared()).ok_or(1)
        }
    }

    impl Shape for u8 {
        type Output = u32;
        fn declared(&self) -> u32 {
            Self::SIDES
        }
    }

    #[test]
    fn count_their_default_methods() {
        assert_eq!(prof_tests::calls(|| 1_u8.defaulted()), ["Shape.defaulted.success"]);
    }
}

mod m01_modules {
    use prof_runtime::prof;

    #[prof]
    mod inline {
        //! Documented inside.
        #![allow(dead_code)]

        use std::fmt;

        pub(super) const ONE: u8 = if true { 1 } else { 2 };
        static TWO: [u8; 1] = {
            const X: u8 = 2;
            [X]
        };

        pub(super) const fn constant() -> u8 {
            1
        }

        pub(super) fn free() -> u8 {
            ONE + TWO[0] + constant()
        }

        pub(super) mod nested {
            pub(in super::super) fn deep() -> Result<u8, u8> {
                Some(1).ok_or(2)
            }
        }

        pub(super) struct S;

        impl fmt::Display for S {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("S")
            }
        }

        pub(super) trait T {
            fn declared(&self);
            fn defaulted(&self) {
                self.declared();
            }
        }

        impl T for S {
            fn declared(&self) {}
        }

        enum Empty {}

        macro_rules! local {
            () => {
                1
            };
        }

        fn uses_macro() -> u8 {
            local!()
        }

        unsafe extern "C" {
            fn abs(x: i32) -> i32;
        }

        #[test]
        fn a_test_inside() {
            assert_eq!(uses_macro(), 1);
        }
    }

    #[test]
    fn count_what_is_in_them() {
        use inline::T as _;
        let calls = prof_tests::calls(|| {
            assert_eq!(inline::free(), 4);
            inline::nested::deep().unwrap();
            assert_eq!(inline::S.to_string(), "S");
            inline::S.defaulted();
        });
        let expect = ["inline.free", "nested.deep", "S.fmt", "S.declared", "T.defaulted"];
        assert_eq!(calls, expect.map(|name| format!("{}.success", name)));
    }
}
