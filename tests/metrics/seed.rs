//! The cases of `torch/distributed/elastic/metrics/api_test.py`. Where the seed patches `getStream`, a scoped handler
//! captures what the test's own thread emits.

use std::panic::catch_unwind;

use prof_runtime::{Callsite, MemoryHandler, callsites, prof, scoped};

#[prof]
fn foo_1() {}

struct MetricsApiTest;

impl MetricsApiTest {
    #[prof]
    fn foo_2(&self) {}

    #[prof]
    fn bar(&self) {}

    #[prof]
    fn throw(&self) -> Result<(), String> {
        Err("RuntimeError".to_owned())
    }

    #[prof]
    fn throw_hard(&self) {
        panic!("RuntimeError");
    }

    #[prof(group = "torchelastic")]
    fn bar2(&self) {}
}

trait Parent {
    fn func(&self);

    fn base_func(&self) {
        self.func();
    }
}

struct Child;

impl Parent for Child {
    // The implementation is annotated, not the declaration.
    #[prof]
    fn func(&self) {}
}

#[test]
fn test_get_metric_name() {
    foo_1();
    MetricsApiTest.foo_2();
    let names: Vec<&str> = callsites().map(Callsite::name).collect();
    assert!(names.contains(&"seed.foo_1"), "{names:?}");
    assert!(names.contains(&"MetricsApiTest.foo_2"), "{names:?}");
}

#[test]
fn test_profile() {
    let memory = MemoryHandler::new();
    let _scope = scoped(memory.clone());

    MetricsApiTest.bar();
    assert_eq!(memory.get("MetricsApiTest.bar.success").unwrap().value, 1);
    assert!(!memory.contains("MetricsApiTest.bar.failure"));
    assert!(memory.contains("MetricsApiTest.bar.duration.ms"));

    MetricsApiTest.throw().unwrap_err();
    assert_eq!(memory.get("MetricsApiTest.throw.failure").unwrap().value, 1);
    assert!(!memory.contains("MetricsApiTest.throw.success"));
    assert!(memory.contains("MetricsApiTest.throw.duration.ms"));

    catch_unwind(|| MetricsApiTest.throw_hard()).unwrap_err();
    assert_eq!(memory.get("MetricsApiTest.throw_hard.failure").unwrap().value, 1);
    assert!(!memory.contains("MetricsApiTest.throw_hard.success"));
    assert!(memory.contains("MetricsApiTest.throw_hard.duration.ms"));

    MetricsApiTest.bar2();
    assert_eq!(memory.get("MetricsApiTest.bar2.success").unwrap().group_name, "torchelastic");
}

#[test]
fn test_inheritance() {
    let memory = MemoryHandler::new();
    let _scope = scoped(memory.clone());
    Child.base_func();
    assert_eq!(memory.get("Child.func.success").unwrap().value, 1);
    assert!(memory.contains("Child.func.duration.ms"));
    assert_eq!(memory.names(), ["Child.func.success", "Child.func.duration.ms"]);
}
