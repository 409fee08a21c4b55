#[prof]
#[rstest]
fn parse(#[case] text: String, (mut a, _): (u8, Guard), _: Guard) -> Result<u8, Error> {
    a += text.parse()?;
    Ok(a)
}

// --------

#[rstest]
fn parse(#[case] text: String, (mut a, _): (u8, Guard), _: Guard) -> Result<u8, Error> {
    let __prof_call = ::prof_runtime::__private::enter({
        static __PROF_SITE: ::prof_runtime::__private::Callsite = ::prof_runtime::__private::site(
                || {},
                "parse",
                ::core::module_path!(),
            )
            .here();
        ::prof_runtime::__private::list! {
            __PROF_SITE
        }
        &__PROF_SITE
    });
    let __prof_value = ::prof_runtime::__private::once::<
        Result<u8, Error>,
        _,
    >(move || {
        #[allow(
            clippy::shadow_reuse,
            clippy::shadow_same,
            clippy::used_underscore_binding
        )]
        let text = text;
        let _ = &mut a;
        #[allow(
            clippy::shadow_reuse,
            clippy::shadow_same,
            clippy::used_underscore_binding
        )]
        let mut a = a;
        {
            a += text.parse()?;
            Ok(a)
        }
    })();
    #[allow(unreachable_code)]
    let __prof_value = ::prof_runtime::__private::finish_by_type!(
        __prof_call, __prof_value
    );
    __prof_value
}
