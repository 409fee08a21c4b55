//! e03_wrong_tail
use prof_runtime::prof;

#[prof]
pub fn plain() -> u8 {
    "text"
}

#[prof]
pub fn early(n: u8) -> Result<u8, ()> {
    if n == 0 {
        return Err(());
    }
    "text"
}

#[prof]
pub async fn later() -> u8 {
    "text"
}

#[prof]
pub async fn early_later(n: u8) -> Result<u8, ()> {
    if n == 0 {
        return Err(());
    }
    "text"
}
