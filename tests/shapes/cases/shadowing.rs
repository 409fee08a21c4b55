//! Macros of the user's that have the names of those of `std`, and leave the function: what counts is what happened.

mod h01_early_exits {
    use prof_runtime::prof;
    use prof_tests::{block_on, calls, yield_now};

    macro_rules! assert {
        ($condition:expr) => {
            if !$condition {
                return Err(1);
            }
        };
    }
    macro_rules! unreachable {
        () => {
            return Ok(2)
        };
    }
    macro_rules! vec {
        ($value:expr) => {
            $value?
        };
    }
    macro_rules! println {
        () => {
            return
        };
    }
    macro_rules! panic {
        ($value:expr) => {
            return $value
        };
    }
    macro_rules! matches {
        ($value:expr) => {
            match $value {
                Some(value) => value,
                None => return None,
            }
        };
    }

    #[prof]
    fn fails(holds: bool) -> Result<u8, u8> {
        assert!(holds);
        Ok(0)
    }

    #[prof]
    async fn fails_later(holds: bool) -> Result<u8, u8> {
        yield_now().await;
        assert!(holds);
        Ok(0)
    }

    #[prof]
    fn succeeds() -> Result<u8, u8> {
        unreachable!()
    }

    #[prof]
    async fn succeeds_later() -> Result<u8, u8> {
        yield_now().await;
        unreachable!()
    }

    #[prof]
    fn question(value: Result<u8, u8>) -> Result<u8, u8> {
        let value = vec![value];
        Ok(value)
    }

    #[prof]
    fn nothing(early: bool) {
        if early {
            println!();
        }
    }

    #[prof]
    async fn nothing_later(early: bool) {
        yield_now().await;
        if early {
            println!();
        }
    }

    #[prof]
    fn number(early: bool) -> u8 {
        if early {
            panic!(1);
        }
        2
    }

    #[prof]
    async fn number_later(early: bool) -> u8 {
        if early {
            panic!(1);
        }
        2
    }

    #[prof]
    fn opaque(early: bool) -> impl Into<u16> {
        if early {
            panic!(1_u8);
        }
        2_u8
    }

    #[prof]
    fn tuple(early: bool) -> (u8, u8) {
        if early {
            panic!((1, 1));
        }
        (2, 2)
    }

    #[prof]
    fn option(value: Option<u8>) -> Option<u8> {
        Some(matches!(value))
    }

    #[prof(ok = |value: &u8| *value > 1)]
    fn judged(early: bool) -> u8 {
        if early {
            panic!(1);
        }
        2
    }

    #[prof(sample = 1_000)]
    fn sampled(early: bool) -> u8 {
        if early {
            panic!(1);
        }
        2
    }

    struct S;

    #[prof]
    impl S {
        fn member(&self, holds: bool) -> Result<u8, u8> {
            assert!(holds);
            Ok(0)
        }

        async fn member_later(&self, holds: bool) -> Result<u8, u8> {
            assert!(holds);
            Ok(0)
        }
    }

    #[track_caller]
    fn check<R>(name: &str, work: impl FnOnce() -> R, outcome: &str) {
        let seen = calls(work);
        std::assert_eq!(seen.len(), 1);
        std::assert_eq!(seen[0].rsplit('.').collect::<Vec<_>>()[..2], [outcome, name]);
    }

    #[test]
    fn count_as_what_they_return() {
        check("fails", || fails(true), "success");
        check("fails", || fails(false), "failure");
        check("fails_later", || block_on(fails_later(true)), "success");
        check("fails_later", || block_on(fails_later(false)), "failure");
        check("succeeds", succeeds, "success");
        check("succeeds_later", || block_on(succeeds_later()), "success");
        check("question", || question(Ok(1)), "success");
        check("question", || question(Err(1)), "failure");
        for early in [false, true] {
            check("nothing", || nothing(early), "success");
            check("nothing_later", || block_on(nothing_later(early)), "success");
            check("number", || number(early), "success");
            check("number_later", || block_on(number_later(early)), "success");
            check("opaque", || opaque(early).into(), "success");
            check("tuple", || tuple(early), "success");
            check("option", || option(Some(1).filter(|_| !early)), "success");
            check("judged", || judged(early), if early { "failure" } else { "success" });
            check("sampled", || sampled(early), "success");
        }
        check("member", || S.member(false), "failure");
        check("member_later", || block_on(S.member_later(false)), "failure");
    }
}

mod h02_a_dropped_or_unwound_call_is_none {
    use prof_runtime::prof;
    use prof_tests::{block_on, calls, poll_once, yield_now};

    macro_rules! debug_assert {
        ($condition:expr) => {
            if !$condition {
                return Err(1);
            }
        };
    }
    macro_rules! format {
        ($condition:expr) => {
            if !$condition {
                return;
            }
        };
    }

    #[prof]
    async fn later(holds: bool) -> Result<u8, u8> {
        yield_now().await;
        debug_assert!(holds);
        panic!("on purpose")
    }

    #[prof]
    fn unwinds(holds: bool) {
        format!(holds);
        panic!("on purpose");
    }

    struct CallsWhenDropped;

    impl Drop for CallsWhenDropped {
        fn drop(&mut self) {
            unwinds(false);
        }
    }

    fn catch(work: impl FnOnce()) {
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        assert!(caught.is_err());
    }

    #[test]
    fn of_these() {
        let module = "h02_a_dropped_or_unwound_call_is_none";
        let seen = calls(|| {
            let mut future = Box::pin(later(true));
            assert!(poll_once(&mut future).is_pending());
        });
        assert_eq!(seen, [[module, ".later.cancelled"].concat()]);
        let outcomes = prof_runtime::MemoryHandler::new();
        let _scope = prof_runtime::scoped(outcomes.clone());
        catch(|| {
            let _ = block_on(later(true));
        });
        catch(|| unwinds(true));
        unwinds(false);
        catch(|| {
            let _calls = CallsWhenDropped;
            panic!("outside");
        });
        use prof_runtime::Outcome::{Panic, Success};
        assert_eq!(outcomes.outcomes(&[module, ".later"].concat()), [Panic]);
        assert_eq!(outcomes.outcomes(&[module, ".unwinds"].concat()), [Panic, Success, Success]);
    }
}

mod h03_exits_from_loops_stay_inside {
    use prof_runtime::prof;

    macro_rules! eprintln {
        ($label:lifetime) => {
            break $label 1
        };
    }
    macro_rules! dbg {
        () => {
            continue
        };
    }

    #[prof]
    fn in_a_loop(mut n: u8) -> Result<u8, u8> {
        let found = 'outer: loop {
            n += 1;
            if n < 3 {
                dbg!();
            }
            eprintln!('outer);
        };
        Ok(found + n)
    }

    #[prof]
    async fn in_a_loop_later(n: u8) -> Result<u8, u8> {
        Ok('outer: {
            if n > 1 {
                eprintln!('outer);
            }
            2
        })
    }

    #[test]
    fn and_the_call_goes_on() {
        let calls = prof_tests::calls(|| {
            assert_eq!(in_a_loop(0), Ok(4));
            assert_eq!(prof_tests::block_on(in_a_loop_later(2)), Ok(1));
        });
        let module = "h03_exits_from_loops_stay_inside";
        assert_eq!(calls, ["in_a_loop", "in_a_loop_later"].map(|name| format!("{}.{}.success", module, name)));
    }
}

mod h04_macros_that_are_imported {
    use prof_runtime::prof;

    mod mine {
        macro_rules! assert_eq {
            ($left:expr, $right:expr) => {
                if $left != $right {
                    return Err(1);
                }
            };
        }
        pub(super) use assert_eq;
    }

    #[prof]
    fn by_name(n: u8) -> Result<u8, u8> {
        use mine::assert_eq;
        assert_eq!(n, 1);
        Ok(n)
    }

    #[prof]
    fn by_path(n: u8) -> Result<u8, u8> {
        mine::assert_eq!(n, 1);
        Ok(n)
    }

    #[test]
    fn count_as_what_they_return() {
        let calls = prof_tests::calls(|| (by_name(0), by_path(0), by_name(1)));
        let module = "h04_macros_that_are_imported";
        let expect = ["by_name.failure", "by_path.failure", "by_name.success"];
        assert_eq!(calls, expect.map(|name| format!("{}.{}", module, name)));
    }
}

mod h05_types_with_names_of_std {
    use prof_runtime::{Fallible, prof};
    use std::result::Result as Vec;

    type Option<T> = Vec<T, u8>;

    struct Duration(u8);

    impl Fallible for Duration {
        fn is_failure(&self) -> bool {
            self.0 > 1
        }
    }

    #[prof]
    fn option(fail: bool) -> Option<u8> {
        if fail {
            return Err(1);
        }
        Ok(1)
    }

    #[prof]
    fn option_at_the_end() -> Option<u8> {
        Err(1)
    }

    #[prof]
    async fn vec(fail: bool) -> Vec<u8, u8> {
        if fail { Err(1) } else { Ok(1) }
    }

    #[prof]
    fn duration(early: bool) -> Duration {
        if early {
            return Duration(2);
        }
        Duration(3)
    }

    #[test]
    fn are_looked_into() {
        let calls = prof_tests::calls(|| {
            (option(true), option_at_the_end(), prof_tests::block_on(vec(true)), duration(true), duration(false))
        });
        let names = ["option", "option_at_the_end", "vec", "duration", "duration"];
        let module = "h05_types_with_names_of_std";
        assert_eq!(calls, names.map(|name| format!("{}.{}.failure", module, name)));
    }
}
