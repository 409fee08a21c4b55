#[prof(sample = 64)]
fn next(&mut self) -> Option<u8> { let first = self.0.first()?; Some(*first) }

// --------

fn next(&mut self) -> Option<u8> {
    let __prof_call = ::prof_runtime::__private::enter_sampled({
        static __PROF_SITE: ::prof_runtime::__private::Callsite = ::prof_runtime::__private::site(
                || {},
                "next",
                ::core::module_path!(),
            )
            .here()
            .with_sample(64);
        ::prof_runtime::__private::list! {
            __PROF_SITE
        }
        &__PROF_SITE
    });
    let __prof_value = ::prof_runtime::__private::once::<
        Option<u8>,
        _,
    >(move || {
        let first = self.0.first()?;
        Some(*first)
    })();
    #[allow(unreachable_code)]
    return ::prof_runtime::__private::finish_by_type!(__prof_call, __prof_value);
}
