#[prof]
fn add(a: i32, b: i32) -> i32 { a + b }

// --------

fn add(a: i32, b: i32) -> i32 {
    let __prof_call = ::prof_runtime::__private::enter({
        static __PROF_SITE: ::prof_runtime::__private::Callsite = ::prof_runtime::__private::site(
                || {},
                "add",
                ::core::module_path!(),
            )
            .here();
        ::prof_runtime::__private::list! {
            __PROF_SITE
        }
        &__PROF_SITE
    });
    let __prof_value: ::prof_runtime::__private::Is<i32> = match () {
        () => a + b,
    };
    #[allow(unreachable_code)]
    return ::prof_runtime::__private::finish(__prof_call, __prof_value);
}
