//! Everything that can stand in a signature.

mod b01_generics {
    use prof_runtime::prof;
    use std::fmt::Debug;

    #[prof]
    fn all<'a, 'b: 'a, T, const N: usize>(x: &'a [T; N], y: &'b T) -> (&'a T, String)
    where
        T: Debug + 'b,
        [T; N]: Sized,
    {
        (x.first().unwrap_or(y), format!("{:?}", y))
    }

    #[prof]
    async fn all_later<'a, T: Debug, const N: usize>(x: &'a [T; N]) -> Result<&'a T, ()> {
        x.first().ok_or(())
    }

    #[prof]
    fn array<const N: usize>() -> Result<[u8; N], ()> {
        if N == 0 {
            return Err(());
        }
        Ok([1; N])
    }

    #[prof]
    fn const_expression() -> Result<
        [u8; {
            let x = 1;
            x + 2
        }],
        (),
    > {
        let all = [1; {
            let x = 1;
            x + 2
        }];
        all.first().copied().ok_or(())?;
        Ok(all)
    }

    #[test]
    fn returns_as_before() {
        assert_eq!(all(&[1, 2], &3), (&1, "3".to_owned()));
        assert_eq!(prof_tests::block_on(all_later(&[1])), Ok(&1));
        assert_eq!(array::<2>(), Ok([1, 1]));
        assert_eq!(const_expression(), Ok([1; 3]));
        assert_eq!(prof_tests::calls(|| array::<0>()), ["b01_generics.array.failure"]);
    }
}

mod b02_functions_as_arguments {
    use prof_runtime::prof;

    #[prof]
    fn once(f: impl FnOnce(&str) -> usize, g: &dyn Fn(u8) -> u8, text: impl AsRef<str> + Send) -> Result<usize, ()> {
        if g(0) > 1 {
            return Err(());
        }
        Ok(f(text.as_ref()))
    }

    #[prof]
    async fn later(f: impl FnOnce(&str) -> usize, mut g: impl FnMut(u8), text: impl AsRef<str> + Send) -> usize {
        g(1);
        f(text.as_ref())
    }

    #[test]
    fn returns_as_before() {
        assert_eq!(once(str::len, &|x| x, "ab"), Ok(2));
        let mut sum = 0;
        assert_eq!(prof_tests::block_on(later(str::len, |x| sum += x, "ab")), 2);
        assert_eq!(sum, 1);
    }
}

mod b04_receivers {
    use prof_runtime::prof;
    use std::pin::Pin;
    use std::rc::Rc;
    use std::sync::Arc;

    #[derive(Clone)]
    struct S(Vec<u8>);

    impl S {
        #[prof]
        fn by_value(self) -> Vec<u8> {
            self.0
        }

        #[prof]
        fn by_value_early(self, fail: bool) -> Result<Vec<u8>, ()> {
            if fail {
                return Err(());
            }
            Ok(self.0)
        }

        #[prof]
        fn by_mut_value(mut self) -> Vec<u8> {
            self.0.push(1);
            self.0
        }

        #[prof]
        fn by_mut_value_early(mut self, fail: bool) -> Result<Vec<u8>, ()> {
            self.0.push(1);
            if fail {
                return Err(());
            }
            Ok(self.0)
        }

        #[prof]
        async fn by_mut_value_later(mut self) -> Result<Vec<u8>, ()> {
            self.0.push(1);
            Ok(self.0)
        }

        #[prof]
        fn shared(&self) -> Result<usize, ()> {
            let first = self.0.first().ok_or(())?;
            Ok(usize::from(*first))
        }

        #[prof]
        fn unique(&mut self) -> Result<&mut u8, ()> {
            let len = self.0.len();
            if len == 0 {
                return Err(());
            }
            self.0.last_mut().ok_or(())
        }

        #[prof]
        async fn unique_later(&mut self) -> Result<usize, ()> {
            self.0.push(1);
            Ok(self.0.len())
        }

        #[prof]
        fn boxed(self: Box<Self>) -> Vec<u8> {
            self.0
        }

        #[prof]
        fn boxed_early(mut self: Box<Self>, fail: bool) -> Result<Vec<u8>, ()> {
            if fail {
                return Err(());
            }
            self.0.push(1);
            Ok(self.0)
        }

        #[prof]
        fn counted(self: Arc<Self>) -> usize {
            Arc::strong_count(&self)
        }

        #[prof]
        fn counted_reference(self: &Arc<Self>) -> Result<usize, ()> {
            if self.0.is_empty() {
                return Err(());
            }
            Ok(Arc::strong_count(self))
        }

        #[prof]
        async fn counted_later(self: Rc<Self>) -> Result<usize, ()> {
            Ok(Rc::strong_count(&self))
        }

        #[prof]
        fn pinned(self: Pin<&mut Self>) -> Result<usize, ()> {
            if self.0.is_empty() {
                return Err(());
            }
            self.get_mut().0.push(1);
            Ok(1)
        }

        #[prof]
        async fn pinned_later(mut self: Pin<&mut Self>) -> Result<usize, ()> {
            self.as_mut().get_mut().0.push(1);
            Ok(self.0.len())
        }
    }

    #[test]
    fn return_as_before() {
        let s = S(vec![7]);
        assert_eq!(s.clone().by_value(), [7]);
        assert_eq!(s.clone().by_value_early(false), Ok(vec![7]));
        assert_eq!(s.clone().by_mut_value(), [7, 1]);
        assert_eq!(s.clone().by_mut_value_early(false), Ok(vec![7, 1]));
        assert_eq!(prof_tests::block_on(s.clone().by_mut_value_later()), Ok(vec![7, 1]));
        assert_eq!(s.shared(), Ok(7));
        assert_eq!(s.clone().unique(), Ok(&mut 7));
        assert_eq!(prof_tests::block_on(s.clone().unique_later()), Ok(2));
        assert_eq!(Box::new(s.clone()).boxed(), [7]);
        assert_eq!(Box::new(s.clone()).boxed_early(false), Ok(vec![7, 1]));
        assert_eq!(Arc::new(s.clone()).counted(), 1);
        assert_eq!(Arc::new(s.clone()).counted_reference(), Ok(1));
        assert_eq!(prof_tests::block_on(Rc::new(s.clone()).counted_later()), Ok(1));
        assert_eq!(Pin::new(&mut s.clone()).pinned(), Ok(1));
        assert_eq!(prof_tests::block_on(Pin::new(&mut s.clone()).pinned_later()), Ok(2));
    }
}

mod b06_b09_qualifiers {
    use prof_runtime::prof;

    #[prof]
    async unsafe fn unsafe_later(p: *const u8) -> u8 {
        // SAFETY: the caller's.
        unsafe { *p }
    }

    #[prof]
    unsafe fn early(p: *const u8) -> Result<u8, ()> {
        if p.is_null() {
            return Err(());
        }
        // SAFETY: the caller's.
        Ok(unsafe { *p })
    }

    #[unsafe(no_mangle)]
    #[prof]
    pub(crate) extern "C" fn prof_shapes_exported(x: u8) -> u8 {
        x + 1
    }

    #[prof]
    #[allow(improper_ctypes_definitions)]
    extern "C" fn callback(x: u8) -> Status {
        if x == 0 {
            return Err(());
        }
        Ok(())
    }

    type Status = Result<(), ()>;

    #[prof]
    unsafe extern "system" fn system() {}

    #[test]
    fn are_kept() {
        let exported: extern "C" fn(u8) -> u8 = prof_shapes_exported;
        let callback: extern "C" fn(u8) -> Status = callback;
        assert_eq!(exported(1), 2);
        assert_eq!(prof_tests::calls(|| callback(0)), ["b06_b09_qualifiers.callback.failure"]);
        // SAFETY: the pointers come from references.
        unsafe {
            system();
            assert_eq!(early(&1), Ok(1));
            assert_eq!(prof_tests::block_on(unsafe_later(&1)), 1);
        }
    }
}

mod b16_raw_and_foreign_names {
    use prof_runtime::prof;

    #[prof]
    fn r#match(r#type: u8) -> Result<u8, u8> {
        if r#type == 0 {
            return Err(r#type);
        }
        Ok(r#type)
    }

    #[prof]
    fn größe(länge: u8) -> u8 {
        länge
    }

    #[test]
    fn are_written_plainly() {
        let calls = prof_tests::calls(|| (r#match(1), größe(1)));
        let module = "b16_raw_and_foreign_names";
        assert_eq!(calls, [format!("{module}.match.success"), format!("{module}.größe.success")]);
    }
}

mod b17_visibility {
    pub(crate) mod inner {
        use prof_runtime::prof;

        #[prof]
        pub(in crate::cases::signatures) fn in_path() -> u8 {
            1
        }

        #[prof]
        pub(super) fn in_parent() -> u8 {
            2
        }
    }

    #[test]
    fn is_kept() {
        assert_eq!(inner::in_path() + inner::in_parent(), 3);
    }
}

mod b26_no_unwind_safety_is_asked_for {
    use prof_runtime::prof;
    use std::cell::{Cell, RefCell};

    #[prof]
    fn set(cell: &Cell<u8>, names: &mut RefCell<Vec<u8>>, f: &dyn Fn()) -> Result<u8, ()> {
        f();
        names.get_mut().push(cell.replace(2));
        names.borrow().first().copied().ok_or(())?;
        Ok(cell.get())
    }

    #[test]
    fn returns_as_before() {
        assert_eq!(set(&Cell::new(1), &mut RefCell::new(vec![]), &|| {}), Ok(2));
    }
}

mod b28_function_pointers {
    use prof_runtime::prof;

    #[prof]
    fn plain(x: u8) -> u8 {
        x
    }

    #[prof]
    fn early(x: u8) -> Result<u8, u8> {
        Err(Some(x).ok_or(1)?)
    }

    const TABLE: [fn(u8) -> u8; 1] = [plain];
    static FALLIBLE: fn(u8) -> Result<u8, u8> = early;

    #[test]
    fn are_made_as_before() {
        assert_eq!(TABLE[0](3), 3);
        assert_eq!(FALLIBLE(3), Err(3));
        assert_eq!([1, 2].iter().copied().map(plain).sum::<u8>(), 3);
    }
}

mod b29_recursion {
    use prof_runtime::prof;
    use std::future::Future;
    use std::pin::Pin;

    #[prof]
    fn sync(n: u32) -> Result<u32, ()> {
        if n == 0 {
            return Ok(0);
        }
        Ok(1 + sync(n - 1)?)
    }

    #[prof]
    fn boxed(n: u32) -> Pin<Box<dyn Future<Output = u32>>> {
        Box::pin(async move { if n == 0 { 0 } else { 1 + boxed(n - 1).await } })
    }

    #[prof]
    async fn later(n: u32) -> u32 {
        if n == 0 {
            return 0;
        }
        1 + Box::pin(later(n - 1)).await
    }

    #[test]
    fn each_call_counts() {
        let calls = prof_tests::calls(|| {
            assert_eq!(sync(2), Ok(2));
            assert_eq!(prof_tests::block_on(boxed(2)), 2);
            assert_eq!(prof_tests::block_on(later(2)), 2);
        });
        let names = ["sync", "boxed", "later"].map(|name| format!("b29_recursion.{name}.success"));
        let expect: Vec<&String> = names.iter().flat_map(|name| [name; 3]).collect();
        assert_eq!(calls.iter().collect::<Vec<_>>(), expect);
    }
}
