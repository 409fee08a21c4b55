//! Traits: default methods, impls of the standard ones, `async` in traits.

mod b19_standard_traits {
    use prof_runtime::prof;
    use std::fmt;
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    struct Guard;

    impl Drop for Guard {
        #[prof]
        fn drop(&mut self) {}
    }

    impl fmt::Display for Guard {
        #[prof]
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("guard")?;
            f.pad("")
        }
    }

    struct Count(u8);

    impl Iterator for Count {
        type Item = u8;

        #[prof]
        fn next(&mut self) -> Option<Self::Item> {
            self.0 = self.0.checked_sub(1)?;
            Some(self.0)
        }
    }

    impl Future for Count {
        type Output = Result<u8, ()>;

        #[prof]
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
            Poll::Ready(Ok(self.0))
        }
    }

    #[test]
    fn are_implemented_as_before() {
        let calls = prof_tests::calls(|| {
            assert_eq!(Guard.to_string(), "guard");
            assert_eq!(Count(2).sum::<u8>(), 1);
            assert_eq!(prof_tests::block_on(Count(2)), Ok(2));
        });
        let drops = calls.iter().filter(|name| *name == "Guard.drop.success").count();
        assert_eq!((calls.len(), drops), (6, 1));
    }

    #[test]
    fn a_drop_that_reports_while_unwinding_does_not_abort() {
        let calls = prof_tests::calls(|| {
            let unwound = std::panic::catch_unwind(|| {
                let _guard = Guard;
                panic!("on purpose");
            });
            assert!(unwound.is_err());
        });
        assert_eq!(calls, ["Guard.drop.success"]);
    }
}

mod b20_default_methods {
    use prof_runtime::prof;

    trait Shape {
        fn sides(&self) -> Result<u32, String>;

        #[prof]
        fn doubled(&self) -> Result<u32, String> {
            let sides = self.sides()?;
            Ok(sides * 2)
        }

        #[prof]
        fn sized(self) -> Result<Self, String>
        where
            Self: Sized,
        {
            self.sides()?;
            Ok(self)
        }

        #[prof]
        fn plain(self) -> Self
        where
            Self: Sized,
        {
            self
        }
    }

    struct Square;

    impl Shape for Square {
        #[prof]
        fn sides(&self) -> Result<u32, String> {
            Ok(4)
        }
    }

    #[test]
    fn keep_the_trait_dyn_compatible() {
        let shape: &dyn Shape = &Square;
        let calls = prof_tests::calls(|| {
            assert_eq!(shape.doubled(), Ok(8));
            assert!(Square.sized().is_ok());
            Square.plain();
        });
        let expect = ["Square.sides", "Shape.doubled", "Square.sides", "Shape.sized", "Shape.plain"];
        assert_eq!(calls, expect.map(|name| format!("{}.success", name)));
    }
}

mod b22_async_trait {
    use prof_runtime::prof;
    use prof_tests::{block_on, calls, poll_once, yield_now};

    #[async_trait::async_trait]
    trait Store {
        async fn load(&self, key: &str) -> Result<String, String>;
        async fn open(name: String) -> Result<(), String>
        where
            Self: Sized;
        #[prof]
        async fn load_twice(&self, key: &str) -> Result<String, String> {
            let first = self.load(key).await?;
            Ok(first + &self.load(key).await?)
        }
    }

    struct Memory;

    #[async_trait::async_trait]
    impl Store for Memory {
        #[prof]
        async fn load(&self, key: &str) -> Result<String, String> {
            yield_now().await;
            if key.is_empty() {
                return Err("empty".into());
            }
            Ok(key.to_owned())
        }

        #[prof]
        async fn open(name: String) -> Result<(), String> {
            yield_now().await;
            Err(name)
        }
    }

    #[test]
    fn calls_are_measured_over_the_await() {
        let seen = calls(|| {
            block_on(Memory.load_twice("a")).unwrap();
            block_on(Memory.load("")).unwrap_err();
            block_on(Memory::open("b".to_owned())).unwrap_err();
            let mut cancelled = Memory.load("a");
            assert!(poll_once(&mut cancelled).is_pending());
        });
        let expect = [
            "Memory.load.success",
            "Memory.load.success",
            "Store.load_twice.success",
            "Memory.load.failure",
            "Memory.open.failure",
            "Memory.load.cancelled",
        ];
        assert_eq!(seen, expect);
    }
}

mod b24_async_in_traits {
    use prof_runtime::prof;
    use prof_tests::{block_on, calls, yield_now};
    use std::future::Future;

    trait Load {
        fn load(&self, fail: bool) -> impl Future<Output = Result<u8, u8>> + Send;
        #[allow(async_fn_in_trait)]
        async fn plain(&mut self) -> u8;
        #[prof]
        fn default_load(&self) -> impl Future<Output = Result<u8, u8>> + Send
        where
            Self: Sync,
        {
            self.load(false)
        }
    }

    struct Rows(u8);

    impl Load for Rows {
        #[prof]
        async fn load(&self, fail: bool) -> Result<u8, u8> {
            yield_now().await;
            if fail {
                return Err(1);
            }
            Ok(self.0)
        }

        #[prof]
        async fn plain(&mut self) -> u8 {
            self.0 += 1;
            self.0
        }
    }

    #[test]
    fn are_measured_over_the_await() {
        let seen = calls(|| {
            assert_eq!(block_on(Rows(1).load(true)), Err(1));
            assert_eq!(block_on(Rows(1).plain()), 2);
            assert_eq!(block_on(Rows(1).default_load()), Ok(1));
        });
        let expect = ["Rows.load.failure", "Rows.plain.success", "Rows.load.success", "Load.default_load.success"];
        assert_eq!(seen, expect);
    }
}

mod b30_self_that_is_generic {
    use prof_runtime::prof;

    struct Wrapper<'a, T>(&'a [T]);

    impl<'a, T: Clone> From<&'a [T]> for Wrapper<'a, T> {
        #[prof]
        fn from(slice: &'a [T]) -> Self {
            Wrapper(slice)
        }
    }

    impl From<Wrapper<'static, str2::Text>> for Vec<u8> {
        #[prof]
        fn from(_: Wrapper<'static, str2::Text>) -> Self {
            Vec::new()
        }
    }

    pub(crate) mod str2 {
        pub(crate) struct Text;
    }

    impl<'a, T: Clone> Wrapper<'a, T> {
        #[prof]
        fn to_vec(self) -> Result<Vec<T>, ()> {
            self.0.first().ok_or(())?;
            Ok(self.0.to_vec())
        }

        #[prof]
        async fn later(&self) -> Result<Self, ()> {
            Ok(Wrapper(self.0))
        }
    }

    #[test]
    fn has_a_name_without_generics() {
        let calls = prof_tests::calls(|| {
            let wrapper = Wrapper::from(&[1][..]);
            assert!(prof_tests::block_on(wrapper.later()).is_ok());
            assert_eq!(wrapper.to_vec(), Ok(vec![1]));
            assert!(<Vec<u8>>::from(Wrapper(&[str2::Text])).is_empty());
        });
        let expect = ["Wrapper.from", "Wrapper.later", "Wrapper.to_vec", "Vec.from"];
        assert_eq!(calls, expect.map(|name| format!("{}.success", name)));
    }
}
