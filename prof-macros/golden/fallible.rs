#[prof]
pub fn read(path: &Path) -> io::Result<String> { fs::read_to_string(path) }

// --------

pub fn read(path: &Path) -> io::Result<String> {
    let __prof_call = ::prof_runtime::__private::enter({
        static __PROF_SITE: ::prof_runtime::__private::Callsite = ::prof_runtime::__private::site(
            || {},
            "read",
            ::core::module_path!(),
            ::core::file!(),
            ::core::line!(),
        );
        ::prof_runtime::__private::list! {
            __PROF_SITE
        }
        &__PROF_SITE
    });
    let __prof_value: ::prof_runtime::__private::Is<io::Result<String>> = match () {
        () => fs::read_to_string(path),
    };
    #[allow(unreachable_code)]
    return {
        use ::prof_runtime::__private::Finish as _;
        (&&&&::prof_runtime::__private::probe(&__prof_value))
            .__prof_finish(__prof_call, __prof_value)
    };
}
