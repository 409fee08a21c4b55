#[prof]
fn serve(port: u16) -> ! { loop { accept(port); } }

// --------

fn serve(port: u16) -> ! {
    {
        let __prof_call = ::prof_runtime::__private::enter({
            static __PROF_SITE: ::prof_runtime::__private::Callsite = ::prof_runtime::__private::site(
                    || {},
                    "serve",
                    ::core::module_path!(),
                )
                .here();
            ::prof_runtime::__private::list! {
                __PROF_SITE
            }
            &__PROF_SITE
        });
        loop {
            accept(port);
        }
    }
}
