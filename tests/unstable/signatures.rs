//! Everything that can stand in a signature.

mod b09_variadic_functions {
    use prof_runtime::prof;

    /// Not a failure of its own type, so that C may return it.
    #[repr(transparent)]
    struct Status(u8);

    #[prof]
    unsafe extern "C" fn sum(n: u32, mut rest: ...) -> u32 {
        let mut total = 0;
        for _ in 0..n {
            // SAFETY: the caller passes as many as it says.
            total += unsafe { rest.arg::<u32>() };
        }
        total
    }

    #[prof]
    unsafe extern "C" fn early(n: u32, mut rest: ...) -> Status {
        if n == 0 {
            return Status(0);
        }
        // SAFETY: the caller passes as many as it says.
        Status(unsafe { rest.arg::<u32>() } as u8)
    }

    #[prof]
    unsafe extern "C" fn unnamed(n: u32, _: ...) -> Status {
        if n == 0 {
            return Status(0);
        }
        Status(1)
    }

    #[test]
    fn take_what_they_took() {
        // SAFETY: as many arguments are passed as is said.
        unsafe {
            assert_eq!(sum(2, 1_u32, 2_u32), 3);
            assert_eq!((early(1, 3_u32).0, early(0).0), (3, 0));
            assert_eq!(unnamed(1, 3_u32).0, 1);
        }
    }
}

mod a07_the_never_type {
    use prof_runtime::prof;

    #[prof]
    fn fallible(early: bool) -> Result<!, u8> {
        if early {
            return Err(1);
        }
        Err(2)
    }

    #[prof]
    async fn fallible_later(early: bool) -> Result<!, u8> {
        if early {
            return Err(1);
        }
        Err(2)
    }

    #[prof]
    fn parameter(never: !) -> ! {
        never
    }

    #[prof]
    fn option(never: Option<!>) -> u8 {
        match never {
            None => 1,
        }
    }

    #[prof]
    fn tuple() -> (u8, !) {
        panic!("on purpose")
    }

    #[prof]
    fn closure() -> impl Fn() -> ! {
        || panic!("on purpose")
    }

    #[test]
    fn coerces_as_before() {
        let _: (fn(!) -> !, fn() -> (u8, !)) = (parameter, tuple);
        assert_eq!((fallible(true), prof_tests::block_on(fallible_later(false))), (Err(1), Err(2)));
        assert_eq!(option(None), 1);
        assert!(std::panic::catch_unwind(|| closure()()).is_err());
    }
}

mod b04_receivers_of_any_type {
    use prof_runtime::prof;
    use std::ops::Receiver;

    struct S(u8);
    struct Pointer<T>(T);

    impl<T> Receiver for Pointer<T> {
        type Target = T;
    }

    impl S {
        #[prof]
        fn by_value(self: Pointer<Self>) -> u8 {
            self.0.0
        }

        #[prof]
        fn early(self: &Pointer<Self>, fail: bool) -> Result<u8, u8> {
            if fail {
                return Err(0);
            }
            Ok(self.0.0)
        }

        #[prof]
        async fn later(mut self: Pointer<Self>) -> Result<u8, u8> {
            self.0 = S(2);
            Ok(self.0.0)
        }
    }

    #[test]
    fn are_passed_as_before() {
        assert_eq!(Pointer(S(1)).by_value(), 1);
        assert_eq!(Pointer(S(1)).early(false), Ok(1));
        assert_eq!(prof_tests::block_on(Pointer(S(1)).later()), Ok(2));
    }
}

mod members_that_only_unstable_traits_have {
    use prof_runtime::prof;

    struct Callable;

    impl FnOnce<(u8,)> for Callable {
        type Output = Result<u8, u8>;

        #[prof]
        extern "rust-call" fn call_once(self, (n,): (u8,)) -> Result<u8, u8> {
            if n == 0 {
                return Err(1);
            }
            Ok(n)
        }
    }

    trait Answer {
        fn answer(&self) -> Result<u8, u8>;
    }

    impl<T> Answer for T {
        #[prof]
        default fn answer(&self) -> Result<u8, u8> {
            if size_of::<T>() == 1 {
                return Err(1);
            }
            Ok(1)
        }
    }

    impl Answer for u16 {
        #[prof]
        fn answer(&self) -> Result<u8, u8> {
            Ok(2)
        }
    }

    impl Callable {
        #[allow(dead_code)] // The compiler does not see that it is named below.
        type Inner = Result<u8, u8>;

        #[prof]
        fn inner(fail: bool) -> Self::Inner {
            if fail {
                return Err(1);
            }
            Ok(1)
        }
    }

    #[test]
    fn are_called_as_before() {
        let inner: Callable::Inner = Callable::inner(true);
        assert_eq!((Callable(0), Callable(1), inner), (Err(1), Ok(1), Err(1)));
        assert_eq!((1_u8.answer(), 1_u16.answer(), 1_u32.answer()), (Err(1), Ok(2), Ok(1)));
    }
}

mod b01_generics {
    use prof_runtime::prof;

    #[prof]
    fn text<const T: &'static str>(fail: bool) -> Result<usize, ()> {
        if fail {
            return Err(());
        }
        Ok(T.len())
    }

    #[prof]
    fn expression<const N: usize>() -> [u8; N + 1]
    where
        [u8; N + 1]: Sized,
    {
        [1; N + 1]
    }

    #[prof]
    fn expression_early<const N: usize>(fail: bool) -> Result<[u8; N + 1], ()>
    where
        [u8; N + 1]: Sized,
    {
        if fail {
            return Err(());
        }
        Ok([1; N + 1])
    }

    #[prof]
    async fn expression_later<const N: usize>(fail: bool) -> Result<[u8; N + 1], ()>
    where
        [u8; N + 1]: Sized,
    {
        if fail {
            return Err(());
        }
        Ok([1; N + 1])
    }

    #[prof]
    fn anonymous(items: impl Iterator<Item = &u8>, fail: bool) -> Result<usize, ()> {
        if fail {
            return Err(());
        }
        Ok(items.count())
    }

    #[prof]
    async fn anonymous_later(items: impl Iterator<Item = &u8>) -> Result<usize, ()> {
        let some = Some(items.count()).ok_or(())?;
        Ok(some)
    }

    #[prof]
    fn conditional<T>(value: T) -> Result<T, ()>
    where
        #[cfg(any())]
        T: Missing,
        #[cfg(all())]
        T: Clone,
    {
        Some(value.clone()).ok_or(())
    }

    #[test]
    fn return_as_before() {
        assert_eq!((text::<"ab">(false), expression::<1>()), (Ok(2), [1, 1]));
        assert_eq!(expression_early::<1>(false), prof_tests::block_on(expression_later::<1>(false)));
        assert_eq!(anonymous([1].iter(), false), prof_tests::block_on(anonymous_later([1].iter())));
        assert_eq!(conditional(1), Ok(1));
    }
}
