//! No name in the user's code reaches the generated code, nor the other way round.

mod c01_locals {
    use prof_runtime::prof;

    #[prof]
    fn names(result: u8, _guard: u8, __ret: u8, start: u8, ret: u8, call: u8, site: u8) -> Result<u8, u8> {
        let group = result + _guard + __ret;
        let e = start + ret + call + site;
        let judge = 1;
        let hint = 2;
        if group == 0 {
            return Err(e);
        }
        Ok(group + e + judge + hint)
    }

    #[prof]
    async fn names_later(ret: u8, __prof_call: u8, __prof_site: u8, fut: u8) -> Result<u8, u8> {
        Ok(ret + __prof_call + __prof_site + fut)
    }

    #[prof]
    fn caller(caller: u8, __prof_path: u8) -> u8 {
        caller + __prof_path
    }

    #[test]
    fn keep_their_values() {
        assert_eq!(names(1, 1, 1, 1, 1, 1, 1), Ok(10));
        assert_eq!(prof_tests::block_on(names_later(1, 1, 1, 1)), Ok(4));
        assert_eq!(caller(1, 1), 2);
    }
}

mod c02_constants {
    #![allow(non_upper_case_globals)]

    use prof_runtime::prof;

    const CALLER: u8 = 7;
    const SITE: u8 = 1;
    const __PROF_SITE: u8 = 2;
    const ret: u8 = 3;
    const call: u8 = 3;
    const value: u8 = 3;
    const site: u8 = 3;
    const judge: u8 = 3;
    const hint: u8 = 3;
    static FUNCTION_DESCRIPTION: u8 = 4;

    #[prof]
    fn plain() -> u8 {
        CALLER + SITE + __PROF_SITE + FUNCTION_DESCRIPTION + ret + call + value + site + judge + hint
    }

    #[prof]
    fn early(text: String) -> Result<u8, ()> {
        if text.is_empty() {
            return Err(());
        }
        Ok(CALLER)
    }

    #[prof]
    async fn later(text: String) -> Result<u8, ()> {
        drop(text);
        Ok(site)
    }

    #[test]
    fn keep_their_values() {
        assert_eq!(plain(), 32);
        assert_eq!(early("a".to_owned()), Ok(7));
        assert_eq!(prof_tests::block_on(later("a".to_owned())), Ok(3));
    }
}

mod c03_modules_named_like_crates {
    mod std {}
    mod core {}
    mod alloc {}
    mod prof_runtime {}
    mod prof {}
    mod inventory {}

    #[::prof_runtime::prof]
    fn plain() -> u8 {
        1
    }

    #[::prof_runtime::prof]
    fn early(fail: bool) -> Result<u8, u8> {
        if fail {
            return Err(1);
        }
        Ok(1)
    }

    #[::prof_runtime::prof]
    async fn later() -> Result<u8, u8> {
        Ok(1)
    }

    #[test]
    fn do_not_matter() {
        assert_eq!(plain(), 1);
        assert_eq!(early(false), prof_tests::block_on(later()));
    }
}

mod c03_modules_named_like_crates_beside_a_predicate {
    mod std {}
    mod core {}
    mod alloc {}
    mod prof_runtime {}
    mod prof {}
    mod inventory {}

    #[::prof_runtime::prof(err = |value: &u8| *value > 1)]
    fn judged() -> u8 {
        1
    }

    #[test]
    fn do_not_matter() {
        assert_eq!(judged(), 1);
    }
}

mod c04_shadowed_prelude {
    #![allow(non_camel_case_types, dead_code, unused_macros)]

    use prof_runtime::prof;

    type Res = std::result::Result<u8, u8>;

    struct Ok;
    struct Err;
    struct Some;
    struct None;
    struct Box;
    struct String;
    struct Option;
    struct Result;
    struct Vec;
    struct str;
    struct u32;
    struct usize;
    struct bool;
    trait Drop {}
    trait Into {}
    trait Fn {}
    trait FnOnce {}
    trait Sync {}
    trait Send {}
    trait Sized {}
    trait Copy {}
    trait Clone {}
    trait Future {}

    macro_rules! line {
        () => {
            compile_error!("the user's")
        };
    }
    macro_rules! file {
        () => {
            compile_error!("the user's")
        };
    }
    macro_rules! module_path {
        () => {
            compile_error!("the user's")
        };
    }
    macro_rules! concat {
        () => {
            compile_error!("the user's")
        };
    }

    #[prof]
    fn plain() -> u8 {
        1
    }

    #[prof]
    fn early(fail: std::primitive::bool) -> Res {
        if fail {
            return Res::Err(1);
        }
        Res::Ok(1)
    }

    #[prof]
    async fn later() -> Res {
        Res::Err(1)
    }

    #[prof]
    fn future() -> impl std::future::Future<Output = Res> {
        async { Res::Ok(1) }
    }

    #[prof]
    fn boxed() -> std::pin::Pin<std::boxed::Box<dyn std::future::Future<Output = Res>>> {
        std::boxed::Box::pin(async { Res::Ok(1) })
    }

    #[test]
    fn does_not_matter() {
        assert_eq!(plain(), 1);
        assert!(early(true).is_err());
        assert!(prof_tests::block_on(later()).is_err());
        assert!(prof_tests::block_on(future()).is_ok());
        assert!(prof_tests::block_on(boxed()).is_ok());
    }
}

mod c05_no_implicit_prelude {
    #![no_implicit_prelude]

    #[::prof_runtime::prof]
    fn plain(x: u8) -> u8 {
        x
    }

    #[::prof_runtime::prof]
    fn early(fail: bool) -> ::std::result::Result<u8, ::std::string::String> {
        if fail {
            return ::std::result::Result::Err(::std::string::String::new());
        }
        ::std::result::Result::Ok(1)
    }

    #[::prof_runtime::prof]
    async fn later() -> ::std::result::Result<u8, u8> {
        ::std::result::Result::Ok(1)
    }

    #[::prof_runtime::prof]
    fn future() -> impl ::std::future::Future<Output = u8> {
        async { 1 }
    }

    #[::prof_runtime::prof]
    fn never() -> ! {
        ::std::process::exit(0)
    }

    #[::std::prelude::v1::test]
    fn does_not_matter() {
        ::std::assert_eq!(plain(1), 1);
        ::std::assert!(early(true).is_err());
        ::std::assert!(::prof_tests::block_on(later()).is_ok());
        ::std::assert_eq!(::prof_tests::block_on(future()), 1);
        let _: fn() -> ! = never;
    }
}

mod c05_no_implicit_prelude_beside_arguments {
    #![no_implicit_prelude]

    #[::prof_runtime::prof(group = "given", name = "named")]
    async fn later() -> ::std::result::Result<u8, u8> {
        ::std::result::Result::Ok(1)
    }

    #[::std::prelude::v1::test]
    fn does_not_matter() {
        ::std::assert!(::prof_tests::block_on(later()).is_ok());
    }
}

mod c10_control_flow {
    use prof_runtime::prof;

    #[prof]
    fn labels(limit: u8) -> u8 {
        '_body: loop {
            let mut n = 0;
            'inner: loop {
                n += 1;
                if n > limit {
                    break '_body n;
                }
                if n == 100 {
                    break 'inner;
                }
            }
        }
    }

    #[prof]
    fn let_else(text: Option<&str>) -> Option<u8> {
        let Some(text) = text else { return None };
        let digit = text.bytes().next()?;
        'block: {
            if digit > b'5' {
                break 'block;
            }
            return Some(0);
        }
        let closure = |x: u8| -> Option<u8> { x.checked_sub(b'0') };
        closure(digit)
    }

    #[test]
    fn goes_as_before() {
        assert_eq!(labels(3), 4);
        assert_eq!(let_else(Some("7")), Some(7));
        assert_eq!(let_else(None), None);
    }
}

mod methods_on_the_users_types {
    #![allow(dead_code)]

    use prof_runtime::prof;

    /// A type whose methods would win over a trait's.
    struct Greedy;

    impl Greedy {
        fn judge(&self) -> u8 {
            1
        }

        fn finish(self) -> u8 {
            1
        }
    }

    trait Any {
        fn finish(&self) -> u8 {
            2
        }

        fn judge(&self) -> u8 {
            2
        }
    }

    impl<T: ?Sized> Any for T {}

    #[prof]
    fn plain() -> Greedy {
        Greedy
    }

    #[prof]
    async fn later() -> Greedy {
        Greedy
    }

    #[prof]
    fn fallible(fail: bool) -> Result<Greedy, u8> {
        if fail {
            return Err(1);
        }
        Ok(Greedy)
    }

    #[test]
    fn are_not_called() {
        let calls = prof_tests::calls(|| {
            plain();
            prof_tests::block_on(later());
            fallible(true).err()
        });
        let module = "methods_on_the_users_types";
        let expect = ["plain.success", "later.success", "fallible.failure"];
        assert_eq!(calls, expect.map(|name| format!("{}.{}", module, name)));
    }
}
