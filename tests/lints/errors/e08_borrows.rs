//! e08_borrows
use prof_runtime::prof;

#[prof]
pub fn plain(mut v: Vec<u8>) -> u8 {
    let first = &v[0];
    v.push(1);
    *first
}

#[prof]
pub fn early(v: Vec<u8>) -> Result<u8, ()> {
    drop(v);
    v.first().copied().ok_or(())?;
    Ok(1)
}

#[prof]
pub async fn later(v: Vec<u8>) -> Result<u8, ()> {
    drop(v);
    v.first().copied().ok_or(())?;
    Ok(1)
}

#[prof]
pub fn dangling<'a>() -> Result<&'a str, ()> {
    let local = String::new();
    if local.is_empty() {
        return Err(());
    }
    Ok(&local)
}

#[prof]
pub fn not_mutable(v: Vec<u8>) -> Result<(), ()> {
    v.push(1);
    Some(()).ok_or(())?;
    Ok(())
}
