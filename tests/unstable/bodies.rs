//! What bodies may hold.

mod ways_to_leave_a_block_or_the_function {
    use prof_runtime::prof;
    use prof_tests::{block_on, calls};
    use std::num::ParseIntError;

    /// The question mark leaves the block, and not the function.
    #[prof]
    fn tried(text: &str) -> Option<u8> {
        let next: Option<u8> = try { text.bytes().next()? + 1 };
        next
    }

    #[prof]
    fn tried_tail(text: &str) -> Result<u8, ParseIntError> {
        try { text.parse::<u8>()? + 1 }
    }

    #[prof]
    async fn tried_later(text: &str) -> Result<u8, ParseIntError> {
        try { text.parse::<u8>()? + 1 }
    }

    #[prof]
    fn yeeted(fail: bool) -> Result<u8, u8> {
        if fail {
            do yeet 1;
        }
        Ok(2)
    }

    #[prof]
    async fn yeeted_later(fail: bool) -> Result<u8, u8> {
        if fail {
            do yeet 1;
        }
        Ok(2)
    }

    #[test]
    fn are_seen() {
        let seen = calls(|| {
            assert_eq!(tried("1"), Some(b'2'));
            assert!(tried_tail("x").is_err());
            assert_eq!(block_on(tried_later("1")), Ok(2));
            assert_eq!(yeeted(true), Err(1));
            assert_eq!(block_on(yeeted_later(true)), Err(1));
        });
        let expect =
            ["tried.success", "tried_tail.failure", "tried_later.success", "yeeted.failure", "yeeted_later.failure"];
        assert_eq!(seen, expect.map(|name| format!("ways_to_leave_a_block_or_the_function.{name}")));
    }
}

mod generators_and_coroutines {
    use prof_runtime::prof;
    use std::ops::Coroutine;

    #[prof]
    fn generator(n: u8) -> impl Iterator<Item = u8> {
        gen move {
            for i in 0..n {
                yield i;
            }
        }
    }

    #[prof]
    fn coroutine() -> impl Coroutine<Yield = u8, Return = ()> + Unpin {
        #[coroutine]
        || {
            yield 1;
        }
    }

    #[test]
    fn are_returned_as_before() {
        assert_eq!(generator(3).count(), 3);
        let mut coroutine = coroutine();
        assert!(matches!(std::pin::Pin::new(&mut coroutine).resume(()), std::ops::CoroutineState::Yielded(1)));
    }
}

mod expressions {
    use prof_runtime::prof;

    #[prof]
    fn binder() -> impl for<'a> Fn(&'a str) -> &'a str {
        for<'a> |text: &'a str| -> &'a str { text }
    }

    #[prof]
    fn postfix(x: u8) -> u8 {
        x.match {
            1 => 2,
            _ => 3,
        }
    }

    #[prof]
    fn super_let() -> usize {
        let text = {
            super let owned = String::from("ab");
            owned.as_str()
        };
        text.len()
    }

    #[prof]
    #[coverage(off)]
    fn uncovered(x: u8) -> Result<u8, u8> {
        if x == 0 {
            return Err(0);
        }
        Ok(x)
    }

    #[prof]
    fn attributes(x: u8) -> u8 {
        let y = (#[inline]
        |z: u8| z)(x);
        #[allow(unused_parens)]
        {
            (y)
        }
    }

    #[test]
    fn have_their_values() {
        assert_eq!(binder()("a"), "a");
        assert_eq!((postfix(1), super_let(), uncovered(0), attributes(1)), (2, 2, Err(0), 1));
    }
}
