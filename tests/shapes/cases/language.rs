//! Parts of the language that came late, or are rarely met.

mod async_closures {
    use prof_runtime::prof;
    use prof_tests::block_on;

    #[prof]
    async fn called(f: impl AsyncFn(u8) -> u8) -> Result<u8, u8> {
        if f(1).await == 0 {
            return Err(1);
        }
        let inner = async |x: u8| f(x).await;
        Ok(inner(2).await)
    }

    #[prof]
    async fn called_mutably(mut f: impl AsyncFnMut(&str) -> Result<u8, u8>) -> Result<u8, u8> {
        f("a").await?;
        f("ab").await
    }

    #[prof]
    fn returned() -> impl AsyncFn(&str) -> usize {
        async |text: &str| text.len()
    }

    #[test]
    fn are_awaited_as_before() {
        assert_eq!(block_on(called(async |x| x)), Ok(2));
        let mut sum = 0_u8;
        let mut add = |text: &str| -> Result<u8, u8> {
            sum += 1;
            text.len().checked_sub(1).map(|_| sum).ok_or(0)
        };
        assert_eq!(block_on(called_mutably(async |text: &str| add(text))), Ok(2));
        assert_eq!(block_on(returned()("ab")), 2);
    }
}

mod target_features {
    #![cfg(target_arch = "x86_64")]

    use prof_runtime::prof;

    /// Every processor of this architecture has it.
    #[target_feature(enable = "sse2")]
    fn only_with_it(x: u8) -> u8 {
        x
    }

    #[prof]
    #[inline]
    #[target_feature(enable = "sse2")]
    fn plain(x: u8) -> u8 {
        only_with_it(x)
    }

    #[prof]
    #[target_feature(enable = "sse2")]
    fn early(x: u8) -> Result<u8, u8> {
        if x == 0 {
            return Err(0);
        }
        Ok(only_with_it(x))
    }

    #[test]
    fn reach_into_the_body() {
        // SAFETY: every processor of this architecture has the feature.
        unsafe {
            assert_eq!((plain(1), early(0), early(1)), (1, Err(0), Ok(1)));
        }
    }
}

mod patterns_of_parameters {
    use prof_runtime::prof;
    use prof_tests::block_on;

    macro_rules! first {
        ($x:ident) => {
            ($x, _)
        };
    }

    macro_rules! pair {
        () => {
            (u8, u8)
        };
    }

    #[prof]
    fn early((Ok(x) | Err(x)): Result<u8, u8>, &mut ref mut y: &mut String) -> Result<usize, ()> {
        y.push('a');
        if x == 0 {
            return Err(());
        }
        Ok(y.len())
    }

    #[prof]
    async fn later((Ok(x) | Err(x)): Result<u8, u8>, &mut ref mut y: &mut String) -> Result<usize, ()> {
        y.push('a');
        Some(usize::from(x) + y.len()).ok_or(())
    }

    #[prof]
    fn of_a_macro(first!(x): pair!()) -> Result<u8, ()> {
        if x == 0 {
            return Err(());
        }
        Ok(x)
    }

    #[prof]
    async fn of_a_macro_later(first!(x): pair!()) -> Result<u8, ()> {
        Some(x).ok_or(())
    }

    struct S {
        a: String,
        b: String,
    }

    impl S {
        #[prof]
        fn whole(Self { a, b }: Self) -> Result<String, ()> {
            if a.is_empty() {
                return Err(());
            }
            Ok(b)
        }
    }

    #[test]
    fn bind_as_before() {
        let mut text = String::new();
        assert_eq!(early(Err(1), &mut text), Ok(1));
        assert_eq!(block_on(later(Ok(1), &mut text)), Ok(3));
        assert_eq!(of_a_macro((1, 2)), block_on(of_a_macro_later((1, 2))));
        assert_eq!(S::whole(S { a: "a".to_owned(), b: "b".to_owned() }).as_deref(), Ok("b"));
    }
}

mod lifetimes_of_trait_objects {
    use prof_runtime::prof;
    use std::cell::{Ref, RefCell};
    use std::fmt::Debug;

    type Shared = RefCell<Box<dyn Debug>>;

    #[prof]
    fn behind_a_guard(cell: &Shared) -> Result<Ref<'_, dyn Debug>, ()> {
        if cell.try_borrow().is_err() {
            return Err(());
        }
        Ok(Ref::map(cell.borrow(), |boxed| &**boxed))
    }

    #[prof]
    fn reference<'a>(x: &'a (dyn Debug + 'a), y: bool) -> Result<&'a dyn Debug, ()> {
        if y {
            return Err(());
        }
        Ok(x)
    }

    #[prof]
    fn boxed(text: &str) -> Result<Box<dyn Debug + '_>, ()> {
        if text.is_empty() {
            return Err(());
        }
        Ok(Box::new(text))
    }

    #[test]
    fn default_as_before() {
        let cell: Shared = RefCell::new(Box::new(1));
        assert_eq!(format!("{:?}", behind_a_guard(&cell).unwrap()), "1");
        let local = String::from("a");
        assert_eq!(format!("{:?}", reference(&local, false).unwrap()), "\"a\"");
        assert_eq!(format!("{:?}", boxed(&local).unwrap()), "\"a\"");
    }
}

mod fields_and_constants_of_self {
    use prof_runtime::prof;
    use prof_tests::block_on;

    struct Pair {
        a: String,
        b: String,
    }

    impl Pair {
        const N: usize = 2;

        #[prof]
        fn array(x: u8) -> Result<[u8; Self::N], ()> {
            if x == 0 {
                return Err(());
            }
            Ok([x; Self::N])
        }

        #[prof]
        fn moved_apart(self) -> Result<String, String> {
            let a = self.a;
            if a.is_empty() {
                return Err(self.b);
            }
            Ok(a)
        }

        #[prof]
        async fn moved_apart_later(mut self, other: Self) -> Result<String, String> {
            self.b = other.a;
            let a = self.a;
            if a.is_empty() {
                return Err(self.b);
            }
            Ok(a + &other.b)
        }

        #[prof]
        fn borrowed_by_a_closure(&mut self) -> Result<(), ()> {
            let mut push = || -> Result<(), ()> {
                self.a.push('x');
                Ok(())
            };
            push()?;
            push()
        }
    }

    #[test]
    fn are_moved_and_borrowed_as_before() {
        let pair = |a: &str, b: &str| Pair { a: a.to_owned(), b: b.to_owned() };
        assert_eq!(Pair::array(1), Ok([1, 1]));
        assert_eq!(pair("", "b").moved_apart(), Err("b".to_owned()));
        assert_eq!(block_on(pair("a", "b").moved_apart_later(pair("c", "d"))), Ok("ad".to_owned()));
        let mut borrowed = pair("", "");
        assert_eq!(borrowed.borrowed_by_a_closure().map(|()| borrowed.a), Ok("xx".to_owned()));
    }
}

mod attributes_of_the_linker {
    use prof_runtime::prof;

    #[prof]
    #[unsafe(export_name = "prof_shapes_exported_under_a_name")]
    pub(crate) extern "C" fn exported(x: u8) -> u8 {
        x
    }

    #[prof]
    unsafe extern "C-unwind" fn unwinding(x: u8) -> u8 {
        x
    }

    #[prof]
    #[inline(never)]
    #[cold]
    fn cold(x: u8) -> Result<u8, u8> {
        if x == 0 {
            return Err(0);
        }
        Ok(x)
    }

    #[test]
    fn are_kept() {
        // SAFETY: nothing is asked for.
        assert_eq!((exported(1), unsafe { unwinding(1) }, cold(0)), (1, 1, Err(0)));
    }
}
