//! e01_wrong_type_in_the_body
use prof_runtime::prof;

#[prof]
pub fn plain() -> u8 {
    let x: u8 = "text";
    x
}

#[prof]
pub fn early(n: u8) -> Result<u8, ()> {
    if n == 0 {
        return Err(());
    }
    let x: u8 = "text";
    Ok(x)
}

#[prof]
pub async fn later() -> Result<u8, ()> {
    let x: u8 = "text";
    Ok(x)
}
