// What `docs/limits.md` says does not compile. Without the attribute, all of it does.
use prof_runtime::prof;

mod names_under_the_reserved_prefix {
    #![allow(non_upper_case_globals)]

    const __prof_call: u8 = 1;

    #[prof_runtime::prof]
    pub fn constant() -> u8 {
        __prof_call
    }
}

#[prof]
async fn closure_that_learns_its_parameter_from_the_return_type() -> impl Fn(&str) -> usize {
    |text| text.len()
}

#[prof(ok = |_: &_| true)]
fn closure_that_is_judged() -> impl Fn(&str) -> &str {
    |text| text
}

macro_rules! opaque {
    () => {
        impl Sized
    };
}

#[prof]
fn opaque_type_from_a_macro() -> opaque!() {
    1
}

mod a_macro_that_changes_what_is_returned {
    use prof_tests_stand_in::throws;
    use std::num::ParseIntError;

    #[prof_runtime::prof]
    #[throws(ParseIntError)]
    pub fn first(text: &str) -> String {
        text.parse::<u8>()?;
        text.to_owned()
    }

    #[throws(ParseIntError)]
    #[prof_runtime::prof]
    pub fn last(text: &str) -> String {
        text.parse::<u8>()?;
        text.to_owned()
    }
}

fn main() {
    let _ = a_macro_that_changes_what_is_returned::first("1").and(a_macro_that_changes_what_is_returned::last("1"));
    names_under_the_reserved_prefix::constant();
    let _ = (closure_that_learns_its_parameter_from_the_return_type(), closure_that_is_judged());
    let _ = opaque_type_from_a_macro();
}
