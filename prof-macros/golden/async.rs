#[prof]
async fn fetch(id: Id) -> Result<Row, Error> { query(id).await }

// --------

async fn fetch(id: Id) -> Result<Row, Error> {
    let __prof_call = ::prof_runtime::__private::enter_async({
        static __PROF_SITE: ::prof_runtime::__private::Callsite = ::prof_runtime::__private::site(
                || {},
                "fetch",
                ::core::module_path!(),
            )
            .here();
        ::prof_runtime::__private::list! {
            __PROF_SITE
        }
        &__PROF_SITE
    });
    let __prof_value: ::prof_runtime::__private::Is<Result<Row, Error>> = match () {
        () => query(id).await,
    };
    #[allow(unreachable_code)]
    return ::prof_runtime::__private::finish_value_by_type!(__prof_call, __prof_value);
}
