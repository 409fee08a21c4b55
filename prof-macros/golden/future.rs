#[prof]
fn later(&self) -> impl Future<Output = Row> + Send + '_ { async move { self.row.clone() } }

// --------

fn later(&self) -> impl Future<Output = Row> + Send + '_ {
    let __prof_call = ::prof_runtime::__private::enter({
        fn __prof_path() -> ::prof_runtime::__private::Text {
            ::prof_runtime::__private::type_name_of_val(&__prof_path)
        }
        static __PROF_SITE: ::prof_runtime::__private::Callsite = ::prof_runtime::__private::Callsite::new(
            "later",
            __prof_path,
            ::core::module_path!(),
            ::core::file!(),
            ::core::line!(),
        );
        ::prof_runtime::__private::inventory::submit! {
            & __PROF_SITE
        }
        &__PROF_SITE
    });
    let __prof_value: ::prof_runtime::__private::Is<_> = match () {
        () => async move { self.row.clone() },
    };
    #[allow(unreachable_code)]
    return {
        use ::prof_runtime::__private::Judging as _;
        let __prof_judge = (&&::prof_runtime::__private::probe_output(&__prof_value))
            .__prof_judge();
        ::prof_runtime::__private::lazy(__prof_call, __prof_value, __prof_judge)
    };
}
