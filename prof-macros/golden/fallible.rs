#[prof]
pub fn read(path: &Path) -> io::Result<String> { fs::read_to_string(path) }

// --------

pub fn read(path: &Path) -> io::Result<String> {
    let __prof_call = ::prof_runtime::__private::enter({
        static __PROF_SITE: ::prof_runtime::__private::Callsite = ::prof_runtime::__private::site(
                || {},
                "read",
                ::core::module_path!(),
            )
            .here();
        ::prof_runtime::__private::list! {
            __PROF_SITE
        }
        &__PROF_SITE
    });
    let __prof_value: ::prof_runtime::__private::Is<io::Result<String>> = match () {
        () => fs::read_to_string(path),
    };
    #[allow(unreachable_code)]
    return ::prof_runtime::__private::finish_by_type!(__prof_call, __prof_value);
}
