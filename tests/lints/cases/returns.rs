//! Every `return` is written.
use prof_runtime::prof;

#[prof]
pub fn plain() -> u8 {
    return 1;
}

#[prof]
pub async fn later() -> u8 {
    return 1;
}

#[prof]
pub fn early(x: u8) -> Result<u8, ()> {
    if x == 0 {
        return Err(());
    }
    return Ok(x);
}

#[prof]
pub async fn early_later(x: u8) -> Result<u8, ()> {
    Some(x).ok_or(())?;
    return Ok(x);
}

#[prof]
pub fn opaque(n: u8) -> impl Fn(u8) -> u8 {
    return move |x| { return x + n; };
}

#[prof]
pub fn never() -> ! {
    std::process::exit(1)
}

#[prof]
pub fn future(n: u8) -> impl std::future::Future<Output = u8> {
    return async move { return n; };
}
