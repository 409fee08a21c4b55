//! question_mark_in_a_function_that_cannot_fail
use prof_runtime::prof;

#[prof]
pub fn plain(text: &str) -> u8 {
    text.parse::<u8>()?
}

#[prof]
pub async fn later(text: &str) -> Result<u8, ()> {
    Ok(text.parse::<u8>()?)
}
