//! Published attribute macros beside `#[prof]`: after it, before it, and inside blocks that it stands on. Each does
//! what it does alone, and the calls are counted. `stand-in` has the kinds; these are the proof that they are the
//! kinds.

#![deny(warnings)]
#![allow(missing_debug_implementations, unreachable_pub, unsafe_code, clippy::all, clippy::pedantic)]

/// Returns what `work` reports for functions of that name, by outcome.
fn outcomes<R>(name: &str, work: impl FnOnce() -> R) -> Vec<String> {
    let calls = prof_tests::calls(work);
    calls.iter().filter_map(|call| call.strip_prefix(name)?.strip_prefix('.')).map(str::to_owned).collect()
}

type Parsed = Result<(), std::num::ParseIntError>;

mod with_rstest {
    use super::Parsed;
    use prof_runtime::prof;
    use rstest::{fixture, rstest};

    #[fixture]
    fn three() -> u8 {
        3
    }

    #[prof]
    #[rstest]
    #[case("1".to_string())]
    #[case::named("2".to_string())]
    fn reads(#[case] text: String) -> Parsed {
        text.parse::<u8>()?;
        Ok(())
    }

    #[prof]
    #[rstest]
    fn values(#[values("1", "2")] text: &str, #[values(1, 2)] mut n: u8, three: u8) -> Parsed {
        n += text.parse::<u8>()?;
        assert!(n > 1 && three == 3);
        Ok(())
    }

    #[prof]
    #[rstest]
    #[case::long(vec![1, 2], "3".to_string())]
    #[tokio::test]
    async fn later(#[case] mut list: Vec<u8>, #[case] text: String) -> Parsed {
        list.push(text.parse::<u8>()?);
        assert_eq!(list, [1, 2, 3]);
        Ok(())
    }

    #[rstest]
    #[case("1".to_string())]
    #[prof]
    fn in_the_other_order(#[case] text: String) -> Parsed {
        text.parse::<u8>()?;
        Ok(())
    }

    #[prof]
    mod whole {
        use super::*;

        #[rstest]
        #[case("1".to_string())]
        fn reads(#[case] text: String) -> Parsed {
            text.parse::<u8>()?;
            Ok(())
        }

        #[rstest]
        fn with_a_fixture(three: u8, #[values(1, 2)] mut n: u8) -> Parsed {
            n += "1".parse::<u8>()? + three;
            assert!(n > 4);
            Ok(())
        }
    }
}

mod with_test_case {
    use super::Parsed;
    use prof_runtime::prof;
    use test_case::test_case;

    #[prof]
    #[test_case("1".to_owned(), 2; "first")]
    #[test_case("2".to_owned(), 3; "second")]
    fn reads(text: String, mut n: u8) -> Parsed {
        n += text.parse::<u8>()?;
        assert!(n > 2);
        Ok(())
    }

    #[prof]
    #[test_case(vec![1] => Some(1))]
    #[test_case(vec![] => None)]
    fn first(list: Vec<u8>) -> Option<u8> {
        Some(*list.first()?)
    }

    #[prof]
    mod whole {
        use super::Parsed;
        use test_case::test_case;

        #[test_case("1".to_owned())]
        fn reads(text: String) -> Parsed {
            text.parse::<u8>()?;
            Ok(())
        }
    }
}

mod with_cached {
    use super::outcomes;
    use cached::proc_macro::{cached, once};
    use prof_runtime::prof;
    use std::num::ParseIntError;

    #[prof]
    #[cached(key = "String", convert = r#"{ name.clone() }"#, result = true)]
    fn length(name: String) -> Result<usize, ParseIntError> {
        let n: usize = name.parse()?;
        Ok(n)
    }

    #[cached(key = "String", convert = r#"{ name.clone() }"#, result = true)]
    #[prof]
    fn inside(name: String) -> Result<usize, ParseIntError> {
        let n: usize = name.parse()?;
        Ok(n)
    }

    #[prof]
    #[once(option = true)]
    fn first(mut list: Vec<u8>) -> Option<u8> {
        let last = list.pop()?;
        Some(last)
    }

    #[test]
    fn keys_name_the_parameters() {
        let calls = |f: fn(String) -> Result<usize, ParseIntError>| {
            move || {
                assert_eq!(f("12".into()), Ok(12));
                assert_eq!(f("12".into()), Ok(12));
                f("x".into()).unwrap_err();
            }
        };
        assert_eq!(outcomes("inside", calls(inside)), [] as [&str; 0]);
        let seen = prof_tests::calls(calls(length));
        assert_eq!(seen.len(), 2, "what is cached is not called: {seen:?}");
        let seen = prof_tests::calls(|| assert_eq!((first(vec![1]), first(vec![2])), (Some(1), Some(1))));
        assert_eq!(seen.len(), 1);
    }
}

mod with_tracing {
    use prof_runtime::prof;
    use std::fmt::Write as _;
    use std::num::ParseIntError;
    use std::sync::{Arc, Mutex};
    use tracing::field::{Field, Visit};
    use tracing::instrument;
    use tracing::span::Attributes;
    use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

    #[derive(Debug)]
    struct Secret(String);
    struct Login;

    #[prof]
    impl Login {
        #[instrument(skip(self, secret))]
        fn login(&self, (user, secret): (String, Secret), n: u8) -> Result<usize, ParseIntError> {
            let id: usize = user.parse()?;
            Ok(id + secret.0.len() + usize::from(n))
        }

        #[instrument(skip_all, fields(user = %user), err)]
        async fn later(self, user: String, _: Secret) -> Result<usize, ParseIntError> {
            prof_tests::yield_now().await;
            Ok(user.parse()?)
        }
    }

    #[prof]
    #[instrument(ret)]
    fn all(mut list: Vec<u8>, (a, b): (u8, u8)) -> Result<Vec<u8>, u8> {
        if a > b {
            return Err(a);
        }
        list.push(a + b);
        Ok(list)
    }

    #[instrument]
    #[prof]
    fn in_the_other_order((a, b): (u8, u8)) -> Result<u8, u8> {
        if a > b {
            return Err(a);
        }
        Ok(a + b)
    }

    /// Writes down the fields of new spans.
    #[derive(Clone, Default)]
    struct Fields(Arc<Mutex<String>>);

    impl<S: tracing::Subscriber> Layer<S> for Fields {
        fn on_new_span(&self, attributes: &Attributes<'_>, _: &tracing::Id, _: Context<'_, S>) {
            attributes.record(&mut self.clone());
        }
    }

    impl Visit for Fields {
        fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
            write!(self.0.lock().unwrap(), "{field}={value:?} ").unwrap();
        }
    }

    #[test]
    fn spans_have_the_fields_that_are_written() {
        let fields = Fields::default();
        let subscriber = tracing_subscriber::registry().with(fields.clone());
        tracing::subscriber::with_default(subscriber, || {
            let secret = || Secret("x".into());
            assert_eq!(Login.login(("7".into(), secret()), 1), Ok(9));
            assert_eq!(prof_tests::block_on(Box::pin(Login.later("8".into(), secret()))), Ok(8));
            assert_eq!(all(vec![], (1, 2)), Ok(vec![3]));
            assert_eq!(in_the_other_order((2, 1)), Err(2));
        });
        let seen = fields.0.lock().unwrap();
        assert_eq!(*seen, "user=\"7\" n=1 user=8 list=[] a=1 b=2 a=2 b=1 ");
    }
}

mod with_asynchronous_functions {
    use async_recursion::async_recursion;
    use async_trait::async_trait;
    use prof_runtime::prof;

    #[prof]
    #[async_recursion]
    async fn depth(list: Vec<u8>, mut n: u8) -> Result<u8, u8> {
        if list.is_empty() {
            return Err(n);
        }
        n += 1;
        if n > 3 {
            return Ok(n);
        }
        depth(list, n).await
    }

    #[prof]
    #[async_trait]
    trait Load {
        async fn load(&self, text: String, mut list: Vec<u8>) -> Result<usize, std::num::ParseIntError> {
            list.push(text.parse()?);
            Ok(list.len())
        }
    }

    struct S;

    #[prof]
    #[async_trait]
    impl Load for S {}

    #[prof]
    #[tokio::test]
    async fn prof_first() -> Result<(), u8> {
        assert_eq!(depth(vec![1], 0).await, Ok(4));
        assert_eq!(S.load("1".into(), vec![]).await, Ok(1));
        tokio::task::yield_now().await;
        depth(vec![1], 1).await?;
        Ok(())
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    #[prof]
    async fn tokio_first() -> Result<(), u8> {
        tokio::task::yield_now().await;
        depth(vec![1], 1).await?;
        Ok(())
    }

    #[prof]
    mod whole {
        #[tokio::main(flavor = "current_thread")]
        pub(super) async fn run(text: String) -> Result<u8, std::num::ParseIntError> {
            tokio::task::yield_now().await;
            Ok(text.parse::<u8>()?)
        }

        #[tokio::test]
        async fn a_test() -> Result<(), u8> {
            tokio::task::yield_now().await;
            super::depth(vec![1], 1).await?;
            Ok(())
        }
    }

    #[test]
    fn outcomes_are_those_of_the_await() {
        let seen = prof_tests::calls(|| {
            assert_eq!(whole::run("1".into()), Ok(1));
            whole::run("x".into()).unwrap_err();
        });
        assert_eq!(seen, ["whole.run.success", "whole.run.failure"]);
    }
}

mod with_tests_of_ones_own {
    use prof_runtime::prof;
    use serial_test::serial;

    // In the place of the one of the prelude.
    use test_log::test;

    #[prof]
    #[test]
    fn logs() -> Result<(), std::num::ParseIntError> {
        let number: u8 = "1".parse()?;
        tracing::info!(number, "parsed");
        Ok(())
    }

    #[prof]
    #[test]
    #[serial]
    fn serial_last() -> Result<(), std::num::ParseIntError> {
        let number: u8 = "1".parse()?;
        assert_eq!(number, 1);
        Ok(())
    }

    #[prof]
    mod whole {
        use serial_test::serial;
        use test_log::test;

        #[test]
        #[serial]
        fn inside() {
            assert_eq!(1 + 1, 2);
        }

        #[test(tokio::test)]
        async fn both() -> Result<(), u8> {
            tokio::task::yield_now().await;
            Some(()).ok_or(1)
        }
    }
}

mod with_mockall {
    use mockall::automock;
    use prof_runtime::prof;

    #[prof]
    #[automock]
    trait Store {
        fn load(&self, key: String, #[allow(unused_variables)] limit: u8) -> Result<usize, String>;

        fn twice(&self, key: String) -> Result<usize, String> {
            let first = self.load(key.clone(), 1)?;
            Ok(first + self.load(key, 2)?)
        }
    }

    struct Real;

    impl Store for Real {
        fn load(&self, key: String, limit: u8) -> Result<usize, String> {
            Ok(key.len() + usize::from(limit))
        }
    }

    #[test]
    fn mocks_have_the_parameters() {
        let mut mock = MockStore::new();
        mock.expect_load().withf(|key, limit| key == "a" && *limit == 3).returning(|_, _| Err("no".into()));
        assert_eq!(mock.load("a".into(), 3), Err("no".into()));
        assert_eq!(prof_tests::calls(|| assert_eq!(Real.twice("a".into()), Ok(5))), ["Store.twice.success"]);
    }
}

mod with_wasm_bindgen {
    use prof_runtime::prof;
    use wasm_bindgen::prelude::*;

    #[wasm_bindgen]
    pub struct Counter(u32);

    #[prof]
    #[wasm_bindgen]
    impl Counter {
        #[wasm_bindgen(constructor)]
        pub fn new(#[wasm_bindgen(js_name = "startAt")] start: u32) -> Counter {
            Counter(start)
        }

        #[wasm_bindgen(js_name = "addAll")]
        pub fn add(
            &mut self,
            #[wasm_bindgen(js_name = "textOf")] text: String,
            mut more: Vec<u32>,
        ) -> Result<u32, String> {
            more.push(text.parse::<u32>().map_err(|error| error.to_string())?);
            self.0 += more.iter().sum::<u32>();
            Ok(self.0)
        }
    }

    #[prof]
    #[wasm_bindgen]
    pub fn free(#[wasm_bindgen(unchecked_param_type = "string")] text: String) -> Result<u32, String> {
        let n = text.parse::<u32>().map_err(|error| error.to_string())?;
        Ok(n)
    }

    #[test]
    fn functions_do_what_they_did() {
        let seen = prof_tests::calls(|| {
            assert_eq!(Counter::new(1).add("2".into(), vec![3]), Ok(6));
            free("x".into()).unwrap_err();
        });
        assert_eq!(seen, ["Counter.new.success", "Counter.add.success", "with_wasm_bindgen.free.failure"]);
    }
}

mod with_web_frameworks {
    use axum::Json;
    use axum::extract::{Path, Query};
    use prof_runtime::prof;
    use serde::Deserialize;

    #[derive(Deserialize, utoipa::IntoParams)]
    struct Page {
        number: u32,
    }

    #[prof]
    #[axum::debug_handler]
    async fn show(
        Path((id, name)): Path<(u32, String)>,
        Query(page): Query<Page>,
        body: String,
    ) -> Result<String, String> {
        if id == 0 {
            return Err(name);
        }
        let number: u32 = body.parse().map_err(|_| "no number".to_owned())?;
        Ok(format!("{name} {}", id + page.number + number))
    }

    #[prof]
    #[utoipa::path(get, path = "/documented/{id}", params(Page), responses((status = 200, body = String)))]
    async fn documented(Path(id): Path<u32>, Query(page): Query<Page>) -> Result<Json<u32>, String> {
        if id == 0 {
            return Err("none".to_owned());
        }
        Ok(Json(id + page.number))
    }

    #[derive(utoipa::OpenApi)]
    #[openapi(paths(documented))]
    struct Api;

    #[test]
    fn handlers_take_what_they_took() {
        use utoipa::OpenApi as _;
        let seen = prof_tests::calls(|| {
            let call = |id| show(Path((id, "a".to_owned())), Query(Page { number: 1 }), "2".to_owned());
            assert_eq!(prof_tests::block_on(Box::pin(call(1))), Ok("a 4".to_owned()));
            assert_eq!(prof_tests::block_on(Box::pin(call(0))), Err("a".to_owned()));
            let documented = documented(Path(1), Query(Page { number: 1 }));
            assert_eq!(prof_tests::block_on(Box::pin(documented)).unwrap().0, 2);
        });
        let names = ["show.success", "show.failure", "documented.success"];
        assert_eq!(seen, names.map(|name| format!("with_web_frameworks.{name}")));
        let text = Api::openapi().to_json().unwrap();
        assert!(text.contains("/documented/{id}") && text.contains("number"), "{text}");
    }
}

mod with_proptest {
    use prof_runtime::prof;
    use proptest::prelude::*;

    proptest! {
        #[prof]
        #[test]
        fn inside_the_macro(text in "[a-z]{1,4}", n in 1_u8..9) {
            prop_assert!(text.len() + usize::from(n) > 1);
        }
    }

    #[prof]
    #[proptest::property_test]
    fn with_the_attribute(#[strategy = 1_u8..9] n: u8, list: Vec<u8>) {
        prop_assert!(usize::from(n) + list.len() > 0);
    }
}
