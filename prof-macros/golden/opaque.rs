#[prof]
fn adder(n: u8) -> impl Fn(u8) -> u8 { move |x| x + n }

// --------

fn adder(n: u8) -> impl Fn(u8) -> u8 {
    {
        let __prof_call = ::prof_runtime::__private::enter_early({
            static __PROF_SITE: ::prof_runtime::__private::Callsite = ::prof_runtime::__private::site(
                    || {},
                    "adder",
                    ::core::module_path!(),
                )
                .here();
            ::prof_runtime::__private::list! {
                __PROF_SITE
            }
            &__PROF_SITE
        });
        move |x| x + n
    }
}
