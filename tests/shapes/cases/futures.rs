//! `async` functions, and functions that return futures.

mod a04_future_of_a_future {
    use prof_runtime::prof;
    use prof_tests::block_on;
    use std::future::Future;
    use std::pin::Pin;

    #[prof]
    async fn prepare(ok: bool) -> Result<Pin<Box<dyn Future<Output = u8> + Send>>, String> {
        if !ok {
            return Err("not now".into());
        }
        Ok(Box::pin(async { 1 }))
    }

    #[test]
    fn returns_as_before() {
        assert_eq!(block_on(block_on(prepare(true)).ok().unwrap()), 1);
        let calls = prof_tests::calls(|| block_on(prepare(false)).err());
        assert_eq!(calls, ["a04_future_of_a_future.prepare.failure"]);
    }
}

mod b23_hand_written_futures {
    use prof_runtime::prof;
    use prof_tests::block_on;
    use std::future::Future;
    use std::pin::Pin;

    struct Service {
        message: String,
    }

    impl Service {
        #[prof]
        fn prelude(&mut self) -> Pin<Box<dyn Future<Output = String>>> {
            let message = self.message.clone();
            Box::pin(async move { message })
        }

        #[prof]
        fn bound(&self) -> Pin<Box<dyn Future<Output = String> + Send + '_>> {
            let future = async move { self.message.clone() };
            Box::pin(future)
        }

        #[prof]
        fn opaque(&self) -> impl Future<Output = String> + Send + '_ {
            let message = self.message.clone();
            async move { message + &self.message }
        }

        #[prof]
        fn early(&self, ready: bool) -> Pin<Box<dyn Future<Output = String> + Send + '_>> {
            if ready {
                return Box::pin(std::future::ready(String::new()));
            }
            Box::pin(async move { self.message.clone() })
        }

        #[prof]
        fn early_opaque(&self, message: String) -> impl Future<Output = String> + Send + '_ {
            let future = async move { message + &self.message };
            return future;
        }
    }

    #[test]
    fn keep_their_statements() {
        let mut service = Service { message: "a".to_owned() };
        let calls = prof_tests::calls(|| {
            assert_eq!(block_on(service.prelude()), "a");
            assert_eq!(block_on(service.bound()), "a");
            assert_eq!(block_on(service.opaque()), "aa");
            assert_eq!(block_on(service.early(false)), "a");
            assert_eq!(block_on(service.early_opaque("b".to_owned())), "ba");
        });
        let names = ["prelude", "bound", "opaque", "early", "early_opaque"];
        assert_eq!(calls, names.map(|name| format!("Service.{}.success", name)));
    }
}

mod b24_send {
    use prof_runtime::prof;
    use prof_tests::{block_on, yield_now};
    use std::cell::Cell;
    use std::rc::Rc;

    fn assert_send<T: Send>(value: T) -> T {
        value
    }

    #[prof]
    async fn with_reference(text: &str) -> Result<usize, ()> {
        yield_now().await;
        if text.is_empty() {
            return Err(());
        }
        Ok(text.len())
    }

    /// `Cell` is `Send` and not `Sync`: the future may own it, and must not borrow it across an await.
    #[prof]
    async fn owns_what_is_not_sync(cell: Cell<u8>, _: Cell<u8>, (a, _): (Cell<u8>, Cell<u8>)) -> u8 {
        yield_now().await;
        cell.get() + a.get()
    }

    /// A plain `async fn` may drop what is not `Send` before it awaits.
    #[prof]
    async fn done_with_what_is_not_send() -> u8 {
        let value = {
            let value = Rc::new(1);
            *value
        };
        yield_now().await;
        value
    }

    struct Owner(Cell<u8>);

    impl Owner {
        #[prof]
        async fn by_value(self) -> u8 {
            yield_now().await;
            self.0.get()
        }
    }

    #[prof]
    async fn returns_what_is_not_send() -> Rc<u8> {
        yield_now().await;
        Rc::new(1)
    }

    #[prof]
    async fn fails_with_what_is_not_send(fail: bool) -> Result<u8, Rc<u8>> {
        yield_now().await;
        if fail {
            return Err(Rc::new(1));
        }
        Ok(1)
    }

    #[prof]
    async fn holds_what_is_not_send() -> u8 {
        let value = Rc::new(1);
        yield_now().await;
        *value
    }

    #[test]
    fn futures_are_as_send_as_before() {
        assert_eq!(block_on(assert_send(with_reference("a"))), Ok(1));
        let cell = || Cell::new(1);
        assert_eq!(block_on(assert_send(owns_what_is_not_sync(cell(), cell(), (cell(), cell())))), 2);
        assert_eq!(block_on(assert_send(done_with_what_is_not_send())), 1);
        assert_eq!(block_on(assert_send(Owner(cell()).by_value())), 1);
        assert_eq!(*block_on(assert_send(returns_what_is_not_send())), 1);
        assert_eq!(block_on(assert_send(fails_with_what_is_not_send(false))), Ok(1));
        assert_eq!(block_on(holds_what_is_not_send()), 1);
    }
}

mod r07_laziness {
    use prof_runtime::prof;
    use prof_tests::{block_on, calls};
    use std::cell::Cell;

    #[prof]
    async fn later(cell: &Cell<u8>) {
        cell.set(1);
    }

    #[test]
    fn nothing_happens_before_the_first_poll() {
        let cell = Cell::new(0);
        assert_eq!(calls(|| drop(later(&cell))), [""; 0]);
        assert_eq!(cell.get(), 0);
        assert_eq!(calls(|| block_on(later(&cell))), ["r07_laziness.later.success"]);
        assert_eq!(cell.get(), 1);
    }
}

mod async_blocks_and_closures_inside {
    use prof_runtime::prof;
    use prof_tests::block_on;

    #[prof]
    async fn inner_returns_are_not_ours(fail: bool) -> Result<u8, u8> {
        let inner = async {
            if fail {
                return Err::<u8, u8>(1);
            }
            Ok(2)
        };
        let closure = |x: u8| -> Result<u8, u8> { if x > 3 { Err(x) } else { Ok(x) } };
        let value = inner.await.unwrap_or(3);
        closure(value)
    }

    #[test]
    fn returns_as_before() {
        assert_eq!(block_on(inner_returns_are_not_ours(true)), Ok(3));
        let calls = prof_tests::calls(|| block_on(inner_returns_are_not_ours(true)));
        assert_eq!(calls, ["async_blocks_and_closures_inside.inner_returns_are_not_ours.success"]);
    }
}
