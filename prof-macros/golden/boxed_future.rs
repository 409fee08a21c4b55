#[prof]
fn later(&self) -> Pin<Box<dyn Future<Output = Row> + Send + '_>> { Box::pin(async move { self.row.clone() }) }

// --------

fn later(&self) -> Pin<Box<dyn Future<Output = Row> + Send + '_>> {
    let __prof_call = ::prof_runtime::__private::enter({
        static __PROF_SITE: ::prof_runtime::__private::Callsite = ::prof_runtime::__private::site(
                || {},
                "later",
                ::core::module_path!(),
            )
            .here();
        ::prof_runtime::__private::list! {
            __PROF_SITE
        }
        &__PROF_SITE
    });
    let __prof_value: ::prof_runtime::__private::Is<
        Pin<Box<dyn Future<Output = Row> + Send + '_>>,
    > = match () {
        () => Box::pin(async move { self.row.clone() }),
    };
    #[allow(unreachable_code)]
    return ::prof_runtime::__private::finish_by_type!(__prof_call, __prof_value);
}
