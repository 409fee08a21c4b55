#[prof(group = "store")]
impl<T> Store<T> {
    const LIMIT: usize = { 3 };
    const fn new() -> Self { Self }
    #[prof(skip)]
    fn skipped(&self) {}
    fn load(&self) {}
}

// --------

impl<T> Store<T> {
    const LIMIT: usize = { 3 };
    const fn new() -> Self {
        Self
    }
    fn skipped(&self) {}
    fn load(&self) {
        let __prof_call = ::prof_runtime::__private::enter({
            static __PROF_SITE: ::prof_runtime::__private::Callsite = ::prof_runtime::__private::site(
                    || {},
                    "load",
                    ::core::module_path!(),
                )
                .here()
                .with_group("store");
            ::prof_runtime::__private::list! {
                __PROF_SITE
            }
            &__PROF_SITE
        });
        let __prof_value: ::prof_runtime::__private::Is<()> = match () {
            () => {}
        };
        #[allow(unreachable_code)]
        return ::prof_runtime::__private::finish(__prof_call, __prof_value);
    }
}
