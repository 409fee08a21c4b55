//! unknown_names
use prof_runtime::prof;

#[prof]
pub fn plain(a: Missing) -> u8 {
    a.x + b
}

#[prof]
pub fn early(a: u8) -> Result<Missing, ()> {
    Some(a).ok_or(())?;
    missing()
}
