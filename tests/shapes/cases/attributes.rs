//! Attributes and documentation around the function, and inner ones in its body.

mod b11_b12_must_use {
    use prof_runtime::prof;

    #[must_use]
    #[prof]
    fn plain() -> u8 {
        1
    }

    #[prof]
    fn fallible() -> Result<u8, ()> {
        Err(())
    }

    #[test]
    fn fires_at_the_caller() {
        #[expect(unused_must_use)]
        {
            plain();
        }
        #[expect(unused_must_use)]
        {
            fallible();
        }
    }
}

#[deny(missing_docs, unreachable_pub, missing_debug_implementations)]
pub(crate) mod b13_documentation {
    use prof_runtime::prof;

    /// Documented.
    #[inline]
    #[prof]
    /// On both sides.
    #[cold]
    pub(crate) fn documented() {}

    #[test]
    fn is_kept() {
        documented();
    }
}

mod b14_unsafe_code_is_forbidden {
    #![forbid(unsafe_code)]

    use prof_runtime::prof;

    #[prof]
    fn plain() -> u8 {
        1
    }

    #[prof]
    async fn later() -> Result<u8, ()> {
        Ok(1)
    }

    #[test]
    fn returns_as_before() {
        assert_eq!(plain() + prof_tests::block_on(later()).unwrap(), 2);
    }
}

mod b14_functions_register_where_unsafe_code_is_forbidden {
    #![forbid(unsafe_code)]
    #![allow(dead_code)]

    use prof_runtime::prof;

    #[prof]
    fn never_called() {}

    #[test]
    fn before_they_are_called() {
        let mut names = prof_runtime::callsites().map(|callsite| callsite.name());
        assert!(names.any(|name| name == "b14_functions_register_where_unsafe_code_is_forbidden.never_called"));
    }
}

mod b15_inner_attributes {
    use prof_runtime::prof;

    #[prof]
    fn plain() {
        #![allow(unused_variables)]
        let i = 1;
    }

    #[prof]
    async fn later() -> Result<(), ()> {
        #![allow(unused_variables)]
        //! Documentation inside.
        let i = Some(1).ok_or(())?;
        Ok(())
    }

    #[prof]
    fn early() -> Result<(), ()> {
        #![allow(unused_variables, unused_mut)]
        let mut i = Some(1).ok_or(())?;
        Ok(())
    }

    #[test]
    fn stay_at_the_head() {
        plain();
        assert_eq!(early(), prof_tests::block_on(later()));
    }
}

mod b18_tests {
    use prof_runtime::prof;

    #[test]
    #[prof]
    fn test_then_prof() {}

    #[prof]
    #[test]
    fn prof_then_test() {}

    #[prof]
    #[test]
    #[should_panic(expected = "on purpose")]
    fn should_panic() {
        panic!("on purpose");
    }

    #[prof]
    #[test]
    fn returns_a_result() -> Result<(), std::num::ParseIntError> {
        let number: u8 = "1".parse()?;
        assert_eq!(number, 1);
        Ok(())
    }

    #[tokio::test]
    #[prof]
    async fn tokio_then_prof() -> Result<(), String> {
        tokio::task::yield_now().await;
        Ok(())
    }

    #[prof]
    #[tokio::test]
    async fn prof_then_tokio() {
        tokio::task::yield_now().await;
    }
}

mod b27_items_in_the_body {
    use prof_runtime::prof;

    #[prof]
    #[deny(clippy::items_after_statements)]
    fn outer() -> Result<u8, ()> {
        use std::convert::TryFrom;
        const ONE: u8 = 1;
        static TWO: u8 = 2;
        struct Local(u8);
        macro_rules! add {
            ($x:expr) => {
                $x + ONE
            };
        }

        #[prof]
        fn inner(local: Local) -> Result<u8, ()> {
            u8::try_from(u32::from(local.0)).map_err(|_| ())
        }

        let value = inner(Local(TWO))?;
        Ok(add!(value))
    }

    #[test]
    fn are_named_on_their_own() {
        let calls = prof_tests::calls(|| assert_eq!(outer(), Ok(3)));
        assert_eq!(calls, ["outer.inner.success", "b27_items_in_the_body.outer.success"]);
    }
}

mod b31_anywhere_an_item_can_stand {
    use prof_runtime::prof;

    trait Answer {
        fn answer(&self) -> Result<u8, ()>;
    }

    struct S;

    const _: () = {
        impl Answer for S {
            #[prof]
            fn answer(&self) -> Result<u8, ()> {
                Some(1).ok_or(())
            }
        }
    };

    #[test]
    fn in_constants_closures_and_blocks() {
        let closure = || {
            #[prof]
            fn in_closure(x: u8) -> u8 {
                x
            }
            in_closure(1)
        };
        let calls = prof_tests::calls(|| {
            S.answer().unwrap();
            closure();
            {
                #[prof]
                fn in_block() {}
                in_block();
            }
        });
        assert_eq!(calls[0], "S.answer.success");
        assert_eq!(calls[1], "in_constants_closures_and_blocks.in_closure.success");
        assert_eq!(calls[2], "in_constants_closures_and_blocks.in_block.success");
    }
}

mod deprecated_types {
    #![allow(deprecated)]

    use prof_runtime::prof;

    #[deprecated]
    pub(crate) struct Old;

    #[prof]
    fn early(old: Old) -> Result<Old, ()> {
        Some(old).ok_or(())
    }

    #[deprecated]
    #[prof]
    async fn later(old: Old) -> Result<Old, ()> {
        Ok(Some(old).ok_or(())?)
    }

    #[test]
    fn are_allowed_where_they_were() {
        assert!(early(Old).is_ok());
        assert!(prof_tests::block_on(later(Old)).is_ok());
    }
}
