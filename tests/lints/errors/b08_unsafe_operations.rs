//! b08_unsafe_operations
#![deny(unsafe_op_in_unsafe_fn)]
use prof_runtime::prof;

#[prof]
pub unsafe fn plain(p: *const u8) -> u8 {
    *p
}

#[prof]
pub unsafe fn early(p: *const u8) -> Result<u8, ()> {
    if p.is_null() {
        return Err(());
    }
    Ok(*p)
}

#[prof]
pub fn safe(p: *const u8) -> Result<u8, ()> {
    if p.is_null() {
        return Err(());
    }
    Ok(*p)
}
