#[prof(objective(success = 99.9, latency = "250ms", percentile = 99))]
impl Store {
    fn load(&self) {}
    #[prof(objective(success = 95))]
    fn save(&self) {}
    #[prof(objective(none))]
    fn len(&self) {}
}

// --------

impl Store {
    fn load(&self) {
        let __prof_call = ::prof_runtime::__private::enter({
            static __PROF_SITE: ::prof_runtime::__private::Callsite = ::prof_runtime::__private::site(
                    || {},
                    "load",
                    ::core::module_path!(),
                )
                .here()
                .with_objective(
                    ::prof_runtime::__private::Objective::new()
                        .success(99.9)
                        .latency(::core::time::Duration::from_nanos(250000000u64), 99.0),
                );
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
    fn save(&self) {
        let __prof_call = ::prof_runtime::__private::enter({
            static __PROF_SITE: ::prof_runtime::__private::Callsite = ::prof_runtime::__private::site(
                    || {},
                    "save",
                    ::core::module_path!(),
                )
                .here()
                .with_objective(
                    ::prof_runtime::__private::Objective::new().success(95.0),
                );
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
    fn len(&self) {
        let __prof_call = ::prof_runtime::__private::enter({
            static __PROF_SITE: ::prof_runtime::__private::Callsite = ::prof_runtime::__private::site(
                    || {},
                    "len",
                    ::core::module_path!(),
                )
                .here();
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
