//! How a call ended is told by the type of its value, whatever that is called.

mod a02_every_exit_counts {
    use prof_runtime::prof;
    use prof_tests::{block_on, calls};
    use std::error::Error;

    #[prof]
    fn checked(text: &str) -> Result<u8, Box<dyn Error>> {
        let x: u8 = text.parse()?;
        if x > 9 {
            return Err("big".into());
        }
        Ok(x)
    }

    #[prof]
    async fn checked_later(text: &str) -> Result<u8, Box<dyn Error>> {
        let x: u8 = text.parse()?;
        if x > 9 {
            return Err("big".into());
        }
        Ok(x)
    }

    #[test]
    fn question_mark_return_and_tail() {
        let seen = calls(|| (checked("x").is_err(), checked("10").is_err(), checked("1").is_ok()));
        let name = "a02_every_exit_counts.checked";
        assert_eq!(seen, [format!("{name}.failure"), format!("{name}.failure"), format!("{name}.success")]);
        let seen = calls(|| {
            (
                block_on(checked_later("x")).is_err(),
                block_on(checked_later("10")).is_err(),
                block_on(checked_later("1")).is_ok(),
            )
        });
        let name = "a02_every_exit_counts.checked_later";
        assert_eq!(seen, [format!("{name}.failure"), format!("{name}.failure"), format!("{name}.success")]);
    }
}

mod a10_uninhabited_success {
    use prof_runtime::prof;
    use std::convert::Infallible;

    #[prof]
    fn tail() -> Result<Infallible, u8> {
        Err(1)
    }

    #[prof]
    fn early(fail: bool) -> Result<Infallible, u8> {
        if fail {
            return Err(2);
        }
        Err(1)
    }

    #[prof]
    async fn later() -> Result<Infallible, u8> {
        Err(1)
    }

    #[test]
    fn fails() {
        let calls = prof_tests::calls(|| (tail(), early(true), prof_tests::block_on(later())));
        let module = "a10_uninhabited_success";
        assert_eq!(calls, ["tail", "early", "later"].map(|name| format!("{module}.{name}.failure")));
    }
}

mod a19_aliases {
    use prof_runtime::prof;
    use std::{fmt, io};

    type Result<T> = std::result::Result<T, u8>;
    type R = std::result::Result<u8, u8>;

    trait Service {
        type Answer;
        fn answer(&self) -> Self::Answer;
    }

    struct Failing;

    impl Service for Failing {
        type Answer = R;

        #[prof]
        fn answer(&self) -> Self::Answer {
            Err(1)
        }
    }

    #[prof]
    fn own() -> Result<()> {
        Err(1)
    }

    #[prof]
    fn of_io() -> io::Result<()> {
        Err(io::ErrorKind::Other)?
    }

    #[prof]
    fn of_fmt() -> fmt::Result {
        Err(fmt::Error)
    }

    #[prof]
    fn renamed() -> R {
        Err(1)
    }

    #[prof]
    async fn later() -> R {
        Err(1)
    }

    #[test]
    fn are_seen_through() {
        let calls = prof_tests::calls(|| {
            (own(), of_io().is_err(), of_fmt(), renamed(), prof_tests::block_on(later()), Failing.answer())
        });
        let mut expect =
            ["own", "of_io", "of_fmt", "renamed", "later"].map(|name| format!("a19_aliases.{name}.failure")).to_vec();
        expect.push("Failing.answer.failure".to_owned());
        assert_eq!(calls, expect);
    }
}

mod values_that_are_not_failures {
    use prof_runtime::prof;

    #[prof]
    fn option(text: &str) -> Option<u8> {
        let first = text.bytes().next()?;
        Some(first)
    }

    #[prof]
    fn reference(result: &Result<u8, u8>) -> &Result<u8, u8> {
        result
    }

    #[prof]
    fn tuple() -> (u8, Result<u8, u8>) {
        (1, Err(1))
    }

    #[test]
    fn count_as_success() {
        let calls = prof_tests::calls(|| {
            option("");
            let _ = reference(&Err(1));
            let _ = tuple();
        });
        let module = "values_that_are_not_failures";
        assert_eq!(calls, ["option", "reference", "tuple"].map(|name| format!("{module}.{name}.success")));
    }
}

mod a_boxed_future_is_measured_over_the_await {
    use prof_runtime::prof;
    use prof_tests::{block_on, calls, poll_once, yield_now};
    use std::future::Future;
    use std::pin::Pin;

    type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

    #[prof]
    fn spelled_out(fail: bool) -> Pin<Box<dyn Future<Output = Result<u8, u8>> + Send>> {
        Box::pin(async move {
            yield_now().await;
            if fail { Err(1) } else { Ok(1) }
        })
    }

    #[prof]
    fn alias<'a>(x: &'a u8) -> Boxed<'a, u8> {
        Box::pin(async move {
            yield_now().await;
            *x
        })
    }

    #[prof]
    fn opaque(x: &u8) -> impl Future<Output = Result<u8, u8>> + Send + '_ {
        async move {
            yield_now().await;
            Err(*x)
        }
    }

    #[test]
    fn success_failure_and_cancellation() {
        let seen = calls(|| {
            block_on(spelled_out(true)).unwrap_err();
            block_on(alias(&1));
            block_on(opaque(&1)).unwrap_err();
            let mut cancelled = spelled_out(false);
            assert!(poll_once(&mut cancelled).is_pending());
            drop(cancelled);
            // Never polled: never called.
            drop(spelled_out(false));
        });
        let module = "a_boxed_future_is_measured_over_the_await";
        let expect = ["spelled_out.failure", "alias.success", "opaque.failure", "spelled_out.cancelled"];
        assert_eq!(seen, expect.map(|name| format!("{module}.{name}")));
    }
}

mod a_boxed_future_is_judged_by_a_predicate {
    use prof_runtime::prof;
    use std::future::Future;
    use std::pin::Pin;

    #[prof(ok = |value: &u8| *value > 1)]
    fn judged(x: u8) -> Pin<Box<dyn Future<Output = u8>>> {
        Box::pin(async move { x })
    }

    #[test]
    fn of_what_it_resolves_to() {
        let seen = prof_tests::calls(|| prof_tests::block_on(judged(1)));
        assert_eq!(seen, ["a_boxed_future_is_judged_by_a_predicate.judged.failure"]);
    }
}
