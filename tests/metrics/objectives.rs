//! What is promised of which function.

use std::time::Duration;

use prof_runtime::{Objective, callsites, prof};

#[track_caller]
fn check(name: &str, expect: Option<Objective>) {
    let mut named = callsites().filter(|site| site.group() == "objectives" && site.name() == name);
    assert_eq!(named.next().unwrap_or_else(|| panic!("{name} is not listed")).objective(), expect);
    assert!(named.next().is_none(), "{name} is listed twice");
}

#[prof(group = "objectives", objective(latency = "1.5s", percentile = 99.5, success = 99.9))]
async fn promising<T>(_: T) {}

#[prof(group = "objectives")]
fn not_promising() {}

#[test]
fn of_a_function() {
    let both = Objective::new().success(99.9).latency(Duration::from_millis(1500), 99.5);
    check("objectives.promising", Some(both));
    check("objectives.not_promising", None);
}

#[prof(group = "objectives", objective(success = 99))]
mod block {
    fn inherits() {}

    /// What it promises is all that it promises: nothing is left of the block's.
    #[prof(objective(latency = "5ms", percentile = 90))]
    fn promises_otherwise() {}

    #[prof(objective(none))]
    fn takes_it_back() {}

    struct Store;

    #[prof(objective(success = 95))]
    impl Store {
        fn load(&self) {}

        #[prof(objective(none))]
        fn len(&self) {}
    }

    trait Read {
        fn read(&self) {}
    }
}

#[test]
fn of_a_block() {
    check("block.inherits", Some(Objective::new().success(99.0)));
    check("block.promises_otherwise", Some(Objective::new().latency(Duration::from_millis(5), 90.0)));
    check("block.takes_it_back", None);
    check("Store.load", Some(Objective::new().success(95.0)));
    check("Store.len", None);
    check("Read.read", Some(Objective::new().success(99.0)));
}
