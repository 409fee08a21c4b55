//! Attributes behind `cfg_attr`: they decide as if they were written plainly, where the condition holds.

#[cfg(target_arch = "x86_64")]
mod g01_naked {
    use core::arch::naked_asm;
    use prof_runtime::prof;

    struct Asm;

    #[prof]
    impl Asm {
        #[unsafe(naked)]
        extern "C" fn plain() -> u32 {
            naked_asm!("mov eax, 1", "ret")
        }

        #[cfg_attr(target_arch = "x86_64", unsafe(naked))]
        extern "C" fn conditional() -> u32 {
            naked_asm!("mov eax, 2", "ret")
        }

        #[cfg_attr(all(), doc = "Nested.", cfg_attr(not(any()), unsafe(naked)))]
        extern "C" fn nested() -> u32 {
            naked_asm!("mov eax, 3", "ret")
        }

        #[cfg_attr(any(), unsafe(naked))]
        extern "C" fn not_here() -> u32 {
            4
        }
    }

    #[prof]
    #[cfg_attr(any(), unsafe(naked))]
    extern "C" fn single() -> u32 {
        5
    }

    #[test]
    fn functions_are_passed_over() {
        let calls = prof_tests::calls(|| {
            assert_eq!(Asm::plain() + Asm::conditional() + Asm::nested() + Asm::not_here() + single(), 15);
        });
        assert_eq!(calls, ["Asm.not_here.success", "g01_naked.single.success"]);
    }
}

mod g02_track_caller {
    use prof_runtime::prof;
    use std::panic::Location;

    type Caller = Result<u32, ()>;

    #[prof]
    #[cfg_attr(all(), track_caller)]
    fn single(fail: bool) -> Caller {
        if fail {
            return Err(());
        }
        Ok(Location::caller().line())
    }

    #[prof]
    #[cfg_attr(any(), track_caller)]
    fn not_here(fail: bool) -> Caller {
        if fail {
            return Err(());
        }
        Ok(Location::caller().line())
    }

    struct S;

    #[prof]
    impl S {
        #[cfg_attr(all(), cfg_attr(all(), cold, track_caller), inline)]
        fn member(&self, fail: bool) -> Caller {
            if fail {
                return Err(());
            }
            Ok(Location::caller().line())
        }
    }

    #[test]
    fn callers_are_seen() {
        let (seen, line) = (single(false), line!());
        assert_eq!(seen, Ok(line));
        let (seen, line) = (S.member(false), line!());
        assert_eq!(seen, Ok(line));
        let calls = prof_tests::calls(|| not_here(true));
        assert_eq!(calls, ["g02_track_caller.not_here.failure"]);
    }
}

mod g03_attributes_of_ours {
    use prof_runtime::prof;

    struct S;

    #[prof(group = "block")]
    impl S {
        #[cfg_attr(all(), cfg_attr(all(), prof(skip)))]
        fn skipped(&self) {}

        #[cfg_attr(all(), prof(name = "renamed_conditionally"), must_use, doc = "a, b")]
        fn several(&self) -> u8 {
            1
        }

        #[cfg_attr(any(), prof(skip))]
        #[cfg_attr(all(), prof_runtime::prof(group = "own"), must_use)]
        fn two(&self) -> u8 {
            1
        }
    }

    #[prof]
    mod whole {
        pub(super) struct T;

        #[cfg_attr(all(), prof(skip))]
        impl T {
            pub(super) fn skipped(&self) {}
        }

        #[cfg_attr(any(), prof(skip))]
        impl T {
            pub(super) fn measured(&self) {}
        }
    }

    #[test]
    fn are_followed() {
        let calls = prof_tests::calls(|| {
            S.skipped();
            #[expect(unused_must_use)]
            {
                S.several();
                S.two();
            }
            whole::T.skipped();
            whole::T.measured();
        });
        assert_eq!(calls, ["renamed_conditionally.success", "S.two.success", "T.measured.success"]);
        let group = |name: &str| prof_runtime::callsites().find(|site| site.name() == name).unwrap().group();
        assert_eq!((group("renamed_conditionally"), group("S.two")), ("block", "own"));
    }
}

mod g04_attributes_that_are_passed_on {
    use async_trait::async_trait;
    use prof_runtime::prof;

    #[prof]
    mod whole {
        #[cfg_attr(all(), test)]
        fn a_test_inside() {
            assert_eq!(cold_and_exported(), 1);
        }

        #[cfg_attr(all(), must_use, inline(never), cold, unsafe(export_name = "g04_exported"))]
        pub(super) fn cold_and_exported() -> u8 {
            1
        }

        #[cfg_attr(target_arch = "x86_64", target_feature(enable = "sse2"))]
        pub(super) unsafe fn with_a_feature(fail: bool) -> Result<u8, ()> {
            if fail {
                return Err(());
            }
            Ok(1)
        }
    }

    #[prof]
    #[cfg_attr(all(), async_trait)]
    trait Later {
        async fn later(&self, text: String) -> Result<usize, ()>;
    }

    #[prof]
    #[cfg_attr(all(), async_trait)]
    impl Later for u8 {
        async fn later(&self, text: String) -> Result<usize, ()> {
            prof_tests::yield_now().await;
            if text.is_empty() {
                return Err(());
            }
            Ok(text.len())
        }
    }

    #[test]
    fn mean_what_they_meant() {
        let calls = prof_tests::calls(|| {
            assert_eq!(whole::cold_and_exported(), 1);
            // SAFETY: every processor of this architecture has the feature.
            assert!(unsafe { whole::with_a_feature(true) }.is_err());
            assert_eq!(prof_tests::block_on(1_u8.later(String::new())), Err(()));
        });
        assert_eq!(calls, ["whole.cold_and_exported.success", "whole.with_a_feature.failure", "u8.later.failure"]);
    }
}
