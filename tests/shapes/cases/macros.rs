//! Functions that macros make, and macros in functions.

mod c07_functions_made_by_macros {
    use prof_runtime::prof;

    macro_rules! function {
        ($name:ident, $arg:ident: $ty:ty, $ret:ty, $body:block) => {
            #[prof]
            fn $name($arg: $ty) -> $ret $body
        };
    }

    function!(plain, x: u8, u8, { x + 1 });
    function!(early, x: String, Result<usize, ()>, {
        if x.is_empty() {
            return Err(());
        }
        Ok(x.len())
    });

    macro_rules! asynchronous {
        ($vis:vis $name:ident, $pat:pat, $ty:ty, $ret:ty, $body:block) => {
            #[prof]
            $vis async fn $name($pat: $ty) -> $ret $body
        };
    }

    asynchronous!(pub(crate) later, (a, mut b), (u8, u8), Result<u8, u8>, {
        b += 1;
        if a == 0 {
            return Err(b);
        }
        Ok(a + b)
    });

    macro_rules! statements {
        ($name:ident, $value:expr, $lifetime:lifetime) => {
            #[prof]
            fn $name<$lifetime>(text: &$lifetime str) -> Result<&$lifetime str, u8> {
                let value = $value;
                if value == 0 {
                    return Err(value);
                }
                Ok(text)
            }
        };
    }

    statements!(hygienic, 1 + 1, 'a);

    macro_rules! method {
        ($ty:ident, $name:ident, $self:ident, $body:expr) => {
            impl $ty {
                #[prof]
                fn $name(&$self) -> Result<u8, u8> {
                    Some($body).ok_or(1)
                }

                #[prof]
                async fn later($self) -> Result<u8, u8> {
                    Ok($body)
                }
            }
        };
    }

    struct S(u8);
    method!(S, get, self, self.0);

    macro_rules! whole {
        ($item:item) => {
            #[prof]
            $item
        };
    }

    whole! {
        fn whole_item(x: String) -> Result<usize, u8> {
            if x.is_empty() { return Err(0) }
            Ok(x.len())
        }
    }

    #[test]
    fn return_as_before() {
        assert_eq!(plain(1), 2);
        assert_eq!(early("ab".to_owned()), Ok(2));
        assert_eq!(prof_tests::block_on(later((1, 1))), Ok(3));
        assert_eq!(hygienic("a"), Ok("a"));
        assert_eq!(S(1).get(), prof_tests::block_on(S(1).later()));
        assert_eq!(whole_item(String::new()), Err(0));
        let calls = prof_tests::calls(|| (plain(1), S(1).get()));
        assert_eq!(calls, ["c07_functions_made_by_macros.plain.success", "S.get.success"]);
    }
}

mod c08_types_in_invisible_groups {
    use prof_runtime::prof;
    use std::future::Future;

    macro_rules! returning {
        ($name:ident, $early:ident, $later:ident, $ret:ty, $value:expr) => {
            #[prof]
            fn $name() -> $ret {
                $value
            }

            #[prof]
            fn $early(fail: bool) -> Result<$ret, ()> {
                if fail {
                    return Err(());
                }
                Ok($value)
            }

            #[prof]
            async fn $later() -> $ret {
                $value
            }
        };
    }

    returning!(opaque, early_opaque, later_opaque, impl Sized, 1);
    returning!(reference, early_reference, later_reference, &'static str, "a");
    returning!(tuple, early_tuple, later_tuple, (u8, u8), (1, 2));

    macro_rules! never {
        ($ret:ty) => {
            #[prof]
            fn never() -> $ret {
                loop {}
            }
        };
    }
    never!(!);

    macro_rules! future {
        ($ret:ty) => {
            #[prof]
            fn future() -> $ret {
                async { Err(1) }
            }
        };
    }
    future!(impl Future<Output = Result<u8, u8>>);

    macro_rules! ty {
        ($ok:ty) => { Result<$ok, u8> };
    }

    #[prof]
    fn type_macro(fail: bool) -> ty!(u8) {
        if fail {
            return Err(1);
        }
        Ok(1)
    }

    #[test]
    fn return_as_before() {
        let _: fn() -> ! = never;
        let _ = (opaque(), early_opaque(false).is_ok(), prof_tests::block_on(later_opaque()));
        assert_eq!(reference(), early_reference(false).unwrap());
        assert_eq!(tuple(), early_tuple(false).unwrap());
        assert_eq!(prof_tests::block_on(later_tuple()), tuple());
        assert_eq!(prof_tests::block_on(later_reference()), "a");
        let calls = prof_tests::calls(|| (type_macro(true), prof_tests::block_on(future())));
        let module = "c08_types_in_invisible_groups";
        assert_eq!(calls, ["type_macro.failure", "future.failure"].map(|name| format!("{}.{}", module, name)));
    }
}

mod c09_self_in_local_macros {
    use prof_runtime::prof;

    struct S(u8);

    impl S {
        #[prof]
        fn plain(&self) -> u8 {
            macro_rules! get {
                ($s:ident) => {
                    $s.0
                };
            }
            get!(self)
        }

        #[prof]
        fn early(self, fail: bool) -> Result<Self, ()> {
            macro_rules! again {
                () => {
                    Self(self.0)
                };
            }
            if fail {
                return Err(());
            }
            Ok(again!())
        }

        #[prof]
        async fn later(self) -> Result<Self, ()> {
            macro_rules! again {
                () => {
                    Self(self.0)
                };
            }
            Ok(again!())
        }
    }

    #[test]
    fn returns_as_before() {
        assert_eq!(S(1).plain(), S(1).early(false).ok().unwrap().0);
        assert!(prof_tests::block_on(S(1).later()).is_ok());
    }
}

mod early_exits_in_macros {
    use prof_runtime::prof;
    use prof_tests::calls;

    macro_rules! bail {
        ($error:expr) => {
            return Err($error)
        };
    }

    macro_rules! attempt {
        ($value:expr) => {
            match $value {
                Some(value) => value,
                None => return Err(0),
            }
        };
    }

    #[prof]
    fn bails(fail: bool) -> Result<u8, u8> {
        if fail {
            bail!(1);
        }
        Ok(1)
    }

    #[prof]
    fn attempts(value: Option<u8>) -> Result<u8, u8> {
        Ok(attempt!(value))
    }

    #[prof]
    fn braces(value: Option<u8>) -> Result<u8, u8> {
        let value = attempt! { value };
        Ok(value)
    }

    #[test]
    fn are_seen() {
        let seen = calls(|| (bails(true), attempts(None), braces(None)));
        let module = "early_exits_in_macros";
        let expect = ["bails.failure", "attempts.failure", "braces.failure"];
        assert_eq!(seen, expect.map(|name| format!("{}.{}", module, name)));
    }
}
