#[prof(name = "parse", group = GROUP)]
fn parse(text: &str, mut rest: Vec<u8>, _: Guard, (a, _): (A, B)) -> io::Result<u8> {
    rest.push(1);
    text.parse()?
}

// --------

fn parse(text: &str, rest: Vec<u8>, __arg2: Guard, __arg3: (A, B)) -> io::Result<u8> {
    let __prof_call = ::prof_runtime::__private::enter({
        static __PROF_SITE: ::prof_runtime::__private::Callsite = ::prof_runtime::__private::site(
                || {},
                "parse",
                ::core::module_path!(),
            )
            .here()
            .with_name("parse")
            .with_group(GROUP);
        ::prof_runtime::__private::list! {
            __PROF_SITE
        }
        &__PROF_SITE
    });
    let __prof_value = ::prof_runtime::__private::once::<
        io::Result<u8>,
        _,
    >(move || {
        let mut rest = rest;
        let __arg2 = __arg2;
        let __arg3 = __arg3;
        let (a, _) = __arg3;
        {
            rest.push(1);
            text.parse()?
        }
    })();
    #[allow(unreachable_code)]
    return ::prof_runtime::__private::finish_by_type!(__prof_call, __prof_value);
}
