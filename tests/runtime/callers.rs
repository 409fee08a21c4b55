//! r01: `#[track_caller]`.

use std::panic::Location;

use prof_runtime::prof;

#[track_caller]
#[prof]
fn plain() -> &'static Location<'static> {
    Location::caller()
}

#[prof]
#[track_caller]
fn fallible(fail: bool) -> Result<&'static Location<'static>, ()> {
    if fail {
        return Err(());
    }
    Ok(Location::caller())
}

#[test]
fn r01_the_caller_is_seen() {
    let (location, line) = (plain(), line!());
    assert_eq!((location.file(), location.line()), (file!(), line));
    let (location, line) = (fallible(false).unwrap(), line!());
    assert_eq!(location.line(), line);
}

/// A limit: see `docs/limits.md`.
#[test]
fn an_early_failure_of_a_function_that_tracks_its_caller_counts_as_success() {
    assert_eq!(prof_tests::calls(|| fallible(true)), ["callers.fallible.success"]);
}

/// A limit: see `docs/limits.md`.
#[test]
fn a_result_behind_a_type_parameter_counts_as_success() {
    #[prof]
    fn pass<T>(value: T) -> T {
        value
    }
    let seen = prof_tests::calls(|| pass::<Result<u8, u8>>(Err(1)));
    assert_eq!(seen, ["a_result_behind_a_type_parameter_counts_as_success.pass.success"]);
}

/// A limit: see `docs/limits.md`.
#[test]
fn a_type_that_takes_the_name_of_a_primitive_never_fails() {
    #[allow(non_camel_case_types)]
    type u8 = Result<(), ()>;

    #[prof]
    fn fails() -> u8 {
        Err(())
    }
    let seen = prof_tests::calls(fails);
    assert_eq!(seen, ["a_type_that_takes_the_name_of_a_primitive_never_fails.fails.success"]);
}

#[test]
fn r10_functions_keep_their_type_name() {
    assert!(std::any::type_name_of_val(&plain).ends_with("::plain"));
    assert!(std::any::type_name_of_val(&fallible).ends_with("::fallible"));
}

#[prof]
fn names_its_own_item(fail: bool) -> Result<&'static str, ()> {
    struct Item;
    if fail {
        return Err(());
    }
    Ok(std::any::type_name::<Item>())
}

/// A limit: see `docs/limits.md`.
#[test]
fn the_type_name_of_an_item_inside_tells_of_the_closure() {
    assert!(names_its_own_item(false).unwrap().ends_with("::names_its_own_item::{{closure}}::Item"));
}
