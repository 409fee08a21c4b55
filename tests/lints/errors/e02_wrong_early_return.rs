//! e02_wrong_early_return
use prof_runtime::prof;

#[prof]
pub fn plain() -> String {
    if true {
        return "";
    }
    String::new()
}

#[prof]
pub fn early() -> Result<u8, ()> {
    if true {
        return Ok("");
    }
    Ok(1)
}

#[prof]
pub async fn later() -> String {
    if true {
        return "";
    }
    String::new()
}
