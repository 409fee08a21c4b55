//! Functions of the shapes that edition 2015 has, annotated: paths start at the crate's root, `async` and others are
//! names, and parameters of traits need none.

#![deny(warnings)]
#![allow(anonymous_parameters, bare_trait_objects, deprecated, ellipsis_inclusive_range_patterns)]
#![allow(
    keyword_idents,
    rust_2018_idioms,
    unreachable_pub,
    unsafe_code,
    unsafe_op_in_unsafe_fn,
    clippy::all,
    clippy::pedantic
)]

extern crate prof_runtime;
extern crate prof_runtime as renamed;
extern crate prof_tests;
extern crate prof_tests_stand_in;
extern crate timer_watchdog;

mod functions {
    use prof_runtime::prof;
    use prof_tests::calls;
    use std::error::Error;

    #[prof]
    fn plain(x: u8) -> u8 {
        x + 1
    }

    const ABOVE: u32 = line!();
    #[prof]
    fn nothing() {}

    #[prof]
    fn tail(fail: bool) -> Result<u8, u8> {
        if fail { Err(1) } else { Ok(1) }
    }

    #[prof]
    fn question(text: &str) -> Result<u8, Box<Error + Send + Sync>> {
        let x = try!(text.parse::<u8>());
        match x {
            0...9 => Ok(x),
            _ => Err("big".into()),
        }
    }

    #[prof]
    fn early<T>(mut list: Vec<T>, (text, _): (String, u8)) -> Option<String>
    where
        T: Clone,
    {
        let last = list.pop();
        if last.is_none() {
            return None;
        }
        assert!(!text.is_empty());
        Some(text)
    }

    #[prof]
    fn opaque(n: u8) -> impl Fn(u8) -> u8 {
        move |x| x + n
    }

    #[prof]
    fn boxed(n: u8) -> Box<Fn(u8) -> u8> {
        Box::new(move |x| x + n)
    }

    #[prof]
    unsafe fn read(pointer: *const u8) -> u8 {
        *pointer
    }

    #[prof]
    extern "C" fn foreign(x: u8) -> u8 {
        x
    }

    #[prof]
    fn borrowed<'a>(list: &'a mut Vec<u8>, fail: bool) -> Result<&'a mut u8, ()> {
        if fail {
            return Err(());
        }
        list.first_mut().ok_or(())
    }

    #[prof]
    fn never() -> ! {
        panic!("on purpose")
    }

    #[prof]
    fn outer() -> u8 {
        #[prof]
        fn inner() -> u8 {
            1
        }
        inner()
    }

    #[test]
    fn return_and_count_as_in_other_editions() {
        let seen = calls(|| {
            assert_eq!(plain(1), 2);
            nothing();
            assert_eq!((tail(true), tail(false)), (Err(1), Ok(1)));
            assert_eq!(question("1").unwrap(), 1);
            assert!(question("x").is_err() && question("10").is_err());
            assert_eq!(early(vec![1], ("a".to_owned(), 1)), Some("a".to_owned()));
            assert_eq!(opaque(1)(1) + boxed(1)(1), 4);
            // SAFETY: the pointer comes from a reference.
            assert_eq!(unsafe { read(&1) } + foreign(1), 2);
            assert_eq!(borrowed(&mut vec![1], false), Ok(&mut 1));
            assert!(std::panic::catch_unwind(|| never()).is_err());
            outer();
        });
        let expect = [
            "plain.success",
            "nothing.success",
            "tail.failure",
            "tail.success",
            "question.success",
            "question.failure",
            "question.failure",
            "early.success",
            "opaque.success",
            "boxed.success",
            "read.success",
            "foreign.success",
            "borrowed.success",
            "never.failure",
        ];
        let mut expect: Vec<String> = expect.iter().map(|name| ["functions.", name].concat()).collect();
        expect.push("outer.inner.success".to_owned());
        expect.push("functions.outer.success".to_owned());
        assert_eq!(seen, expect);
    }

    #[test]
    fn are_where_they_are() {
        let site = prof_runtime::callsites().find(|site| site.name() == "functions.nothing").unwrap();
        assert_eq!((site.file(), site.line()), (file!(), ABOVE + 2));
        assert_eq!((site.group(), site.module_path()), ("shapes_2015", "shapes_2015::functions"));
    }
}

mod blocks {
    use prof_runtime::prof;
    use prof_tests::calls;

    pub struct Store(Vec<u8>);

    #[prof(group = "store")]
    impl Store {
        fn new() -> Self {
            Store(vec![1])
        }

        fn first(&self) -> Result<u8, String> {
            let first = try!(self.0.first().ok_or("empty"));
            Ok(*first)
        }

        #[prof(skip)]
        fn skipped(&mut self) {}

        #[cfg_attr(all(), prof(name = "renamed"))]
        fn named(self) -> Vec<u8> {
            self.0
        }
    }

    #[prof]
    pub trait Shape {
        fn declared(&self, u8) -> u8;
        fn free(&str, &mut [u8]) -> u8;

        fn defaulted(&self, u8, Box<Fn(u8) -> u8>) -> Result<u8, u8> {
            if self.declared(1) == 0 {
                return Err(1);
            }
            Ok(2)
        }
    }

    impl Shape for Store {
        #[prof]
        fn declared(&self, x: u8) -> u8 {
            x
        }

        fn free(_: &str, _: &mut [u8]) -> u8 {
            1
        }
    }

    pub trait Single {
        #[prof]
        fn anonymous(&self, u8, Vec<u8>) -> u8 {
            1
        }
    }

    impl Single for Store {}

    #[prof]
    mod inner {
        use super::Store;
        use std::fmt;

        impl fmt::Display for Store {
            fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
                write!(f, "{:?}", self.0)
            }
        }

        pub fn free() -> &'static str {
            "free"
        }

        extern "C" {
            #[allow(dead_code)]
            fn abs(x: i32) -> i32;
        }
    }

    #[test]
    fn count_as_in_other_editions() {
        let seen = calls(|| {
            let mut store = Store::new();
            store.skipped();
            assert_eq!(store.first(), Ok(1));
            assert_eq!(store.defaulted(1, Box::new(|x| x)), Ok(2));
            assert_eq!(store.anonymous(1, vec![]), Store::free("", &mut []));
            assert_eq!(store.to_string() + inner::free(), "[1]free");
            assert_eq!(store.named(), [1]);
        });
        let expect = [
            "Store.new.success",
            "Store.first.success",
            "Store.declared.success",
            "Shape.defaulted.success",
            "Single.anonymous.success",
            "Store.fmt.success",
            "inner.free.success",
            "renamed.success",
        ];
        assert_eq!(seen, expect);
    }
}

mod words_that_are_names {
    use prof_runtime::prof;

    pub mod dyn {
        pub struct Await(pub u8);
    }

    #[prof]
    fn async(await: String, try: u8, dyn: dyn::Await) -> Result<usize, ()> {
        if await.is_empty() {
            return Err(());
        }
        Ok(await.len() + try as usize + dyn.0 as usize)
    }

    pub struct S;

    #[prof]
    impl S {
        fn dyn(&self, async: &dyn::Await) -> u8 {
            async.0
        }

        fn try(self: Box<Self>, mut await: Vec<u8>) -> Result<Vec<u8>, ()> {
            await.push(1);
            if await.len() > 9 {
                return Err(());
            }
            Ok(await)
        }
    }

    #[test]
    fn stay_names() {
        let seen = prof_tests::calls(|| {
            assert_eq!(async("a".to_owned(), 1, dyn::Await(1)), Ok(3));
            assert_eq!(S.dyn(&dyn::Await(1)), 1);
            assert_eq!(Box::new(S).try(vec![]), Ok(vec![1]));
        });
        assert_eq!(seen, ["words_that_are_names.async.success", "S.dyn.success", "S.try.success"]);
    }
}

mod paths_to_the_runtime {
    use renamed::prof;

    mod facade {
        pub extern crate prof_runtime as inner;
    }

    #[prof(crate = ::renamed)]
    fn from_the_root() -> Result<u8, u8> {
        Err(1)
    }

    #[prof(crate = facade::inner)]
    fn from_here() -> Result<u8, u8> {
        Err(1)
    }

    #[prof(crate = self::facade::inner)]
    fn from_self(fail: bool) -> Result<u8, u8> {
        if fail {
            return Err(1);
        }
        Ok(1)
    }

    #[::renamed::prof(crate = crate::renamed, objective(success = 99.9, latency = "1s", percentile = 99), sample = 8)]
    fn with_all() -> u8 {
        1
    }

    mod core {}
    mod std {}
    mod prof_runtime {}

    #[test]
    fn lead_there() {
        let seen = ::prof_tests::calls(|| {
            let _ = (from_the_root(), from_here(), from_self(true));
            with_all();
        });
        let module = "paths_to_the_runtime.";
        assert_eq!(seen[..3].len(), 3);
        for (seen, name) in seen.iter().zip(&["from_the_root.failure", "from_here.failure", "from_self.failure"]) {
            assert_eq!(*seen, [module, name].concat());
        }
        assert_eq!(seen[3], [module, "with_all.success"].concat());
    }
}

mod other_macros {
    use prof_runtime::prof;
    use prof_tests_stand_in::{exported, keyed};

    struct S;

    #[prof]
    #[exported]
    impl S {
        fn renamed(&self, #[exported("id")] number: String) -> Result<usize, ()> {
            if number.is_empty() {
                return Err(());
            }
            Ok(number.len())
        }
    }

    #[prof]
    #[keyed("name.len()")]
    fn named(name: String) -> Result<String, ()> {
        if name.is_empty() {
            return Err(());
        }
        Ok(name)
    }

    #[test]
    fn find_what_is_written() {
        assert_eq!((S.renamed("a".to_owned()), named("a".to_owned())), (Ok(1), Ok("a".to_owned())));
        assert_eq!(prof_tests::take_notes(), ["key = 1"]);
        assert_eq!(S::renamed_parameters(), ["id"]);
    }
}

mod values_of_ones_own {
    use prof_runtime::MemoryHandler;

    #[test]
    fn are_put_under_the_crates_group() {
        let memory = MemoryHandler::new();
        {
            let _scope = prof_runtime::scoped(memory.clone());
            prof_runtime::put_metric!("width", 3);
        }
        assert_eq!(memory.get("width").unwrap().group_name, "shapes_2015");
    }
}

mod timers {
    use std::time::Duration;
    use timer_watchdog::{LocalQueue, LocalTimerClient, RequestQueue, expires};

    #[expires("5s", scope = "early")]
    fn early(text: &str) -> Result<u8, ::std::num::ParseIntError> {
        let number = try!(text.parse());
        Ok(number)
    }

    #[expires(after = Duration::from_secs(5), crate = ::timer_watchdog)]
    fn by_path() -> u8 {
        1
    }

    #[test]
    fn are_acquired_and_released() {
        let queue = LocalQueue::new(64);
        let _client = timer_watchdog::scoped(LocalTimerClient::new(queue.clone(), "worker"));
        assert!(early("x").is_err());
        assert_eq!(by_path(), 1);
        let scopes: Vec<String> = queue
            .get(64, Duration::from_secs(0))
            .unwrap()
            .into_iter()
            .map(|request| request.scope_id.to_string())
            .collect();
        assert_eq!(scopes, ["early", "early", "shapes_2015::timers::by_path", "shapes_2015::timers::by_path"]);
    }
}

mod drop_order {
    use prof_runtime::prof;
    use std::cell::RefCell;

    struct Noisy<'a>(&'a RefCell<Vec<&'static str>>, &'static str);

    impl<'a> Drop for Noisy<'a> {
        fn drop(&mut self) {
            self.0.borrow_mut().push(self.1);
        }
    }

    macro_rules! twice {
        ($($items:tt)*) => {
            mod plain {
                use super::Noisy;
                $($items)*
            }

            #[::prof_runtime::prof]
            mod annotated {
                use super::Noisy;
                $($items)*
            }
        };
    }

    twice! {
        pub fn early(a: Noisy, _: Noisy, (c, _): (Noisy, Noisy), mut _d: Noisy, fail: bool) -> Result<usize, ()> {
            let _local = Noisy(a.0, "local");
            if fail {
                return Err(());
            }
            drop(c);
            Ok(a.1.len())
        }
    }

    #[prof]
    #[test]
    fn is_that_of_the_plain_function() {
        for fail in &[true, false] {
            let (one, two) = (RefCell::new(Vec::new()), RefCell::new(Vec::new()));
            let value = |name| Noisy(&one, name);
            let _ = plain::early(value("a"), value("b"), (value("c"), value("c2")), value("d"), *fail);
            let value = |name| Noisy(&two, name);
            let _ = annotated::early(value("a"), value("b"), (value("c"), value("c2")), value("d"), *fail);
            assert_eq!(one.borrow().len(), 6);
            assert_eq!(one, two);
        }
    }
}
