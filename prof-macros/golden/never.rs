#[prof]
fn serve(port: u16) -> ! { loop { accept(port); } }

// --------

fn serve(port: u16) -> ! {
    {
        let __prof_call = ::prof_runtime::__private::enter({
            fn __prof_path() -> ::prof_runtime::__private::Text {
                ::prof_runtime::__private::type_name_of_val(&__prof_path)
            }
            static __PROF_SITE: ::prof_runtime::__private::Callsite = ::prof_runtime::__private::Callsite::new(
                "serve",
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
        loop {
            accept(port);
        }
    }
}
