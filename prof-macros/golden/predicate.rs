#[prof(crate = crate::facade, ok = |response: &Response| response.status < 500)]
fn answer(&self, request: Request) -> Response { self.handle(request) }

// --------

fn answer(&self, request: Request) -> Response {
    let __prof_call = crate::facade::__private::enter({
        static __PROF_SITE: crate::facade::__private::Callsite = crate::facade::__private::site(
                || {},
                "answer",
                ::core::module_path!(),
            )
            .here();
        crate::facade::__private::list! {
            __PROF_SITE
        }
        &__PROF_SITE
    });
    let __prof_value: crate::facade::__private::Is<Response> = match () {
        () => self.handle(request),
    };
    #[allow(unreachable_code)]
    return crate::facade::__private::finish_ok_if(
        __prof_call,
        __prof_value,
        |response: &Response| response.status < 500,
    );
}
