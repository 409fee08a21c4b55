//! Types are inferred, coerced and borrowed as in the plain function.

mod a01_collect_into_the_return_type {
    use prof_runtime::prof;
    use prof_tests::block_on;

    #[prof]
    fn plain() -> Vec<usize> {
        (0..3).collect()
    }

    #[prof]
    async fn asynchronous() -> Vec<usize> {
        (0..3).collect()
    }

    #[prof]
    fn fallible(texts: &[&str]) -> Result<Vec<u8>, std::num::ParseIntError> {
        texts.iter().map(|text| text.parse()).collect()
    }

    #[prof]
    fn sum() -> Result<u64, std::num::ParseIntError> {
        let parts = ["1", "2"];
        let x = parts[0].parse::<u64>()?;
        Ok(x + parts[1].parse::<u64>()?)
    }

    #[test]
    fn returns_as_before() {
        assert_eq!(plain(), [0, 1, 2]);
        assert_eq!(block_on(asynchronous()), [0, 1, 2]);
        assert_eq!(fallible(&["1", "2"]).unwrap(), [1, 2]);
        assert_eq!(sum().unwrap(), 3);
    }
}

mod a03_unsize_coercions {
    use prof_runtime::prof;
    use std::fmt::Display;

    #[prof]
    fn slice(v: &Vec<u8>) -> Option<&[u8]> {
        Some(v)
    }

    #[prof]
    fn early_slice(v: &Vec<u8>) -> Option<&[u8]> {
        v.first()?;
        if v.len() > 7 {
            return Some(v);
        }
        Some(v)
    }

    #[prof]
    fn boxed() -> Box<dyn Display> {
        Box::new(1)
    }

    #[prof]
    fn boxed_in_result(n: u8) -> Result<Box<dyn Display>, Box<dyn std::error::Error>> {
        if n > 1 {
            return Ok(Box::new(n));
        }
        let text = std::str::from_utf8(&[b'a'])?.to_owned();
        Ok(Box::new(text))
    }

    #[prof]
    async fn boxed_later(n: u8) -> Box<dyn Display> {
        if n > 1 {
            return Box::new(n);
        }
        Box::new("small")
    }

    #[prof]
    fn function_pointer(n: u8) -> fn(u8) -> u8 {
        if n > 1 {
            return |x| x + 1;
        }
        |x| x
    }

    #[prof]
    fn string(text: &String) -> &str {
        text
    }

    #[prof]
    async fn string_later(text: &String) -> &str {
        text
    }

    #[test]
    fn returns_as_before() {
        assert_eq!(slice(&vec![1]), Some(&[1][..]));
        assert_eq!(early_slice(&vec![1]), Some(&[1][..]));
        assert_eq!(boxed().to_string(), "1");
        assert_eq!(boxed_in_result(0).unwrap().to_string(), "a");
        assert_eq!(prof_tests::block_on(boxed_later(0)).to_string(), "small");
        assert_eq!(function_pointer(2)(3), 4);
        assert_eq!(string(&"a".to_owned()), prof_tests::block_on(string_later(&"a".to_owned())));
    }
}

mod a05_a06_impl_trait {
    use prof_runtime::prof;
    use std::fmt::Debug;

    #[prof]
    async fn in_result_later(n: u8) -> Result<impl Iterator<Item = u8>, ()> {
        Ok((0..9).filter(move |x| *x < n))
    }

    #[prof]
    fn in_result(n: u8) -> Result<impl Iterator<Item = u8>, String> {
        if n == 0 {
            return Err("none".into());
        }
        Ok((0..9).filter(move |x| *x < n))
    }

    #[prof]
    fn in_tuple(n: u8) -> (impl Debug, impl Debug) {
        if n > 3 {
            return (n, "early");
        }
        (n, "late")
    }

    #[prof]
    fn captures<'a>(x: &'a str, _y: &str) -> impl Iterator<Item = char> + use<'a> {
        x.chars()
    }

    #[prof]
    fn closure(n: u8) -> impl Fn(u8) -> u8 {
        move |x| x + n
    }

    #[prof]
    fn higher_ranked(n: usize) -> impl for<'a> Fn(&'a str) -> &'a str {
        move |text| &text[n..]
    }

    #[prof]
    fn nested() -> impl Fn() -> Box<dyn Debug> {
        || Box::new(5)
    }

    #[test]
    fn returns_as_before() {
        assert_eq!(prof_tests::block_on(in_result_later(3)).unwrap().count(), 3);
        assert_eq!(in_result(3).ok().unwrap().count(), 3);
        assert!(in_result(0).is_err());
        assert_eq!(format!("{:?}", in_tuple(1)), "(1, \"late\")");
        assert_eq!(captures("ab", "").count(), 2);
        assert_eq!(closure(1)(2), 3);
        assert_eq!(higher_ranked(1)("abc"), "bc");
        assert_eq!(format!("{:?}", nested()()), "5");
    }
}

mod a07_a08_never {
    use prof_runtime::prof;

    #[prof]
    fn exit() -> ! {
        std::process::exit(0)
    }

    #[prof]
    fn spin(go: bool) -> ! {
        if go {
            exit()
        }
        panic!("stays {}", 1)
    }

    #[prof]
    async fn later() -> ! {
        std::future::pending().await
    }

    #[test]
    fn diverges_as_before() {
        let calls = prof_tests::calls(|| std::panic::catch_unwind(|| spin(false)));
        assert_eq!(calls, ["a07_a08_never.spin.failure"]);
        let mut future = Box::pin(later());
        assert!(prof_tests::poll_once(&mut future).is_pending());
    }
}

mod a09_bodies_that_diverge {
    use prof_runtime::prof;

    #[prof]
    fn plain() -> usize {
        unimplemented!()
    }

    #[prof]
    async fn asynchronous() -> usize {
        todo!()
    }

    #[prof]
    fn fallible() -> Result<u8, String> {
        panic!("no value")
    }

    #[prof]
    async fn fallible_later() -> Result<u8, String> {
        unimplemented!("no value")
    }

    #[prof]
    fn unit() {
        panic!()
    }

    #[prof]
    fn returns() -> u8 {
        return 1;
    }

    #[prof]
    fn loops() -> u8 {
        loop {
            return 1;
        }
    }

    #[test]
    fn unwinds_as_before() {
        let calls = prof_tests::calls(|| {
            let _ = std::panic::catch_unwind(plain);
            let _ = std::panic::catch_unwind(|| prof_tests::block_on(asynchronous()));
            let _ = std::panic::catch_unwind(fallible);
            let _ = std::panic::catch_unwind(|| prof_tests::block_on(fallible_later()));
            let _ = std::panic::catch_unwind(unit);
            returns() + loops()
        });
        let ended: Vec<&str> = calls.iter().map(|name| name.rsplit('.').next().unwrap()).collect();
        assert_eq!(ended, ["failure", "failure", "failure", "failure", "failure", "success", "success"]);
    }
}

mod a11_names_in_the_body_do_not_reach_the_return_type {
    use prof_runtime::prof;

    type Foo = ();

    enum Bar {
        Foo,
    }

    #[prof]
    fn plain() -> Foo {
        use Bar::*;
        let _ = Foo;
    }

    #[prof]
    async fn asynchronous() -> Result<Foo, ()> {
        use Bar::*;
        let _ = Foo;
        Ok(())
    }

    #[prof]
    fn fallible(fail: bool) -> Result<Foo, ()> {
        #[allow(dead_code)]
        struct Foo;
        if fail {
            return Err(());
        }
        Ok(())
    }

    #[test]
    fn returns_as_before() {
        plain();
        assert_eq!(prof_tests::block_on(asynchronous()), Ok(()));
        assert_eq!(fallible(true), Err(()));
    }
}

mod a12_a14_lifetimes_in_return_types {
    use prof_runtime::prof;
    use std::io;

    #[derive(Debug)]
    struct Node(Vec<i32>);

    #[derive(Debug)]
    struct Ref<'a>(&'a Node);

    impl Node {
        #[prof]
        #[deny(clippy::let_with_type_underscore)]
        fn items(&self) -> impl Iterator<Item = i32> + '_ {
            self.0.iter().copied()
        }
    }

    #[prof]
    fn wrapped(n: &Node) -> Result<Option<Ref<'_>>, io::Error> {
        let x = Ref(n);
        Ok(Some(x))
    }

    #[prof]
    fn wrapped_early(n: &Node) -> Result<Option<Ref<'_>>, io::Error> {
        if n.0.is_empty() {
            return Err(io::Error::from(io::ErrorKind::NotFound));
        }
        let x = Ref(n);
        Ok(Some(x))
    }

    #[prof]
    async fn wrapped_later(n: &Node) -> Result<Option<Ref<'_>>, io::Error> {
        let x = Ref(n);
        Ok(Some(x))
    }

    #[test]
    fn returns_as_before() {
        let node = Node(vec![1]);
        assert_eq!(node.items().sum::<i32>(), 1);
        assert_eq!(wrapped(&node).unwrap().unwrap().0.0, [1]);
        assert!(wrapped_early(&node).is_ok());
        assert!(prof_tests::block_on(wrapped_later(&node)).is_ok());
    }
}

mod a13_reborrows {
    use prof_runtime::prof;

    #[prof]
    fn shared(x: &mut u8) -> &u8 {
        x
    }

    #[prof]
    fn unique(x: &mut u8) -> &mut u8 {
        x
    }

    #[prof]
    fn early(x: &mut Vec<u8>) -> Result<&mut u8, ()> {
        if x.is_empty() {
            return Err(());
        }
        x.first_mut().ok_or(())
    }

    #[prof]
    async fn later(x: &mut u8) -> Result<&mut u8, ()> {
        *x += 1;
        Ok(x)
    }

    struct Cell(u8);

    impl Cell {
        #[prof]
        fn method(&mut self) -> Option<&mut u8> {
            Some(&mut self.0)
        }

        #[prof]
        fn fallible(&mut self, other: Option<u8>) -> Result<&mut u8, ()> {
            self.0 += other.ok_or(())?;
            Ok(&mut self.0)
        }
    }

    #[test]
    fn returns_as_before() {
        let mut x = 1;
        assert_eq!(*shared(&mut x), 1);
        *unique(&mut x) += 1;
        *prof_tests::block_on(later(&mut x)).unwrap() += 1;
        assert_eq!(x, 4);
        *early(&mut vec![1]).unwrap() += 1;
        let mut cell = Cell(1);
        *cell.method().unwrap() += 1;
        *cell.fallible(Some(1)).unwrap() += 1;
        assert_eq!(cell.0, 4);
    }
}

mod a15_parameter_assigned_to_a_shorter_borrow {
    use prof_runtime::prof;

    #[prof]
    async fn later(mut arg: &str) -> usize {
        let local = String::from("local");
        if arg.is_empty() {
            arg = &local;
        }
        arg.len()
    }

    #[test]
    fn returns_as_before() {
        assert_eq!(prof_tests::block_on(later("")), 5);
    }
}

mod a16_mutable_parameters {
    use prof_runtime::prof;

    #[prof]
    fn plain(mut v: Vec<u8>) -> Result<Vec<u8>, ()> {
        v.push(1);
        Ok(v)
    }

    #[prof]
    fn early(mut v: Vec<u8>, (mut a, b): (u8, u8)) -> Result<Vec<u8>, ()> {
        a += b;
        v.push(a);
        if v.len() > 3 {
            return Err(());
        }
        Ok(v)
    }

    #[prof]
    async fn later(mut v: Vec<u8>, mut n: u8) -> Vec<u8> {
        n += 1;
        v.push(n);
        v
    }

    #[test]
    fn returns_as_before() {
        assert_eq!(plain(vec![]), Ok(vec![1]));
        assert_eq!(early(vec![], (1, 2)), Ok(vec![3]));
        assert_eq!(prof_tests::block_on(later(vec![], 1)), [2]);
    }
}

mod a18_generic_associated_types {
    use prof_runtime::prof;

    trait Lending {
        type Item<'a>
        where
            Self: 'a;
        fn next<'a>(&'a mut self) -> Option<Self::Item<'a>>;
        fn checked<'a>(&'a mut self) -> Result<Self::Item<'a>, ()>;
    }

    struct Buffer([u8; 2]);

    impl Lending for Buffer {
        type Item<'a> = &'a mut [u8];

        #[prof]
        fn next<'a>(&'a mut self) -> Option<Self::Item<'a>> {
            Some(&mut self.0)
        }

        #[prof]
        fn checked<'a>(&'a mut self) -> Result<Self::Item<'a>, ()> {
            if self.0[0] == 9 {
                return Err(());
            }
            Ok(&mut self.0)
        }
    }

    #[prof]
    fn higher_ranked<F: for<'x> Fn(&'x str) -> &'x str>(f: F) -> Result<usize, ()> {
        let len = f("abc").len();
        if len == 0 {
            return Err(());
        }
        Ok(len)
    }

    #[test]
    fn returns_as_before() {
        let mut buffer = Buffer([1, 2]);
        buffer.next().unwrap()[0] = 3;
        assert_eq!(buffer.checked().unwrap(), [3, 2]);
        assert_eq!(higher_ranked(|text| &text[1..]), Ok(2));
    }
}

mod a20_no_bound_on_what_is_returned {
    use prof_runtime::prof;

    struct Bare(*const u8);

    #[prof]
    fn neither_debug_nor_send(fail: bool) -> Result<Bare, Bare> {
        if fail {
            return Err(Bare(&0));
        }
        Ok(Bare(&1))
    }

    #[prof]
    fn generic<T, E>(result: Result<T, E>) -> Result<T, E> {
        let value = result?;
        Ok(value)
    }

    #[prof]
    async fn generic_later<T, E>(result: Result<T, E>) -> Result<T, E> {
        Ok(result?)
    }

    #[test]
    fn returns_as_before() {
        assert!(!neither_debug_nor_send(false).is_err_and(|bare| bare.0.is_null()));
        assert!(neither_debug_nor_send(true).is_err());
        assert_eq!(generic::<u8, u8>(Err(1)), Err(1));
        assert_eq!(prof_tests::block_on(generic_later::<u8, u8>(Err(1))), Err(1));
    }
}
