//! What edition 2024 no longer allows without a warning.

mod b07_unsafe_operations_in_an_unsafe_function {
    #![allow(unsafe_op_in_unsafe_fn)]

    use prof_runtime::prof;

    #[prof]
    unsafe fn bare(p: *const u8) -> u8 {
        *p
    }

    #[prof]
    async unsafe fn later(p: *const u8) -> Result<u8, u8> {
        if p.is_null() {
            return Err(0);
        }
        Ok(*p)
    }

    #[prof]
    unsafe fn early(p: *const u8) -> Result<u8, u8> {
        if p.is_null() {
            return Err(0);
        }
        Ok(*p)
    }

    #[test]
    fn returns_as_before() {
        // SAFETY: the pointers come from references.
        unsafe {
            assert_eq!(bare(&1), 1);
            assert_eq!(early(&1), Ok(1));
            assert_eq!(prof_tests::block_on(later(&1)), Ok(1));
        }
    }
}
