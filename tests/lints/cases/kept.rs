//! What has to be reported.
use prof_runtime::prof;

#[prof]
fn dead() {}

#[prof]
async fn dead_later() {}

#[prof]
pub fn unused_variable(used: u8, unused: u8) -> u8 {
    let local = 1;
    used
}

#[prof]
pub fn unused_variable_early(unused: String, (a, b): (String, String)) -> Result<(), ()> {
    let local = Some(1).ok_or(())?;
    Ok(drop(a))
}

#[prof]
pub async fn unused_variable_later(unused: String, other: u8, _fine: u8) -> Result<(), ()> {
    let local = Some(1).ok_or(())?;
    Ok(())
}

#[prof]
pub fn unused_mut(mut a: u8, mut b: Vec<u8>) -> Vec<u8> {
    let mut local = a;
    b
}

#[prof]
pub fn unused_mut_early(mut a: u8, mut b: Vec<u8>) -> Result<Vec<u8>, ()> {
    let mut local = Some(a).ok_or(())?;
    Ok(b)
}

#[prof]
pub async fn unused_mut_later(mut a: u8, mut b: Vec<u8>) -> Result<Vec<u8>, ()> {
    let mut local = Some(a).ok_or(())?;
    Ok(b)
}

#[prof]
pub fn unreachable() -> u8 {
    return 1;
    println!("never");
    2
}

#[prof]
pub fn unreachable_early() -> Result<u8, ()> {
    return Err(());
    println!("never");
    Ok(2)
}

#[prof]
pub async fn unreachable_later() -> Result<u8, ()> {
    panic!();
    println!("never");
    Ok(2)
}

#[prof]
pub fn unused_assignment(mut a: u8) -> u8 {
    a = 1;
    let mut b = 1;
    b = 2;
    b = 3;
    b
}

#[prof]
pub fn unused_assignment_early(mut a: u8) -> Result<u8, ()> {
    let mut b = Some(1).ok_or(())?;
    b = 2;
    a = 1;
    Ok(b)
}

#[prof]
#[expect(unused_variables, clippy::print_stdout)]
pub fn expected(unused: String) -> Result<u8, ()> {
    println!("seen");
    Ok(Some(1).ok_or(())?)
}

#[expect(clippy::unused_async)]
#[prof]
pub async fn expected_later(#[expect(unused_variables)] unused: String) {}

#[prof]
pub fn clippy_by_default(v: &Vec<u8>) -> Result<u8, ()> {
    if v.len() == 0 {
        return Err(());
    }
    let x = v[0];
    return Ok(x);
}

#[prof]
pub fn needless() -> u8 {
    let x = 1;
    x
}

#[prof]
pub fn drops_a_result() {
    std::fs::remove_file("x");
    must_use();
}

#[must_use]
#[prof]
pub fn must_use() -> u8 {
    1
}

#[prof]
#[allow(unused_parens, unused_braces)]
pub fn allowed() -> u8 {
    let x = ({ 1 });
    (x)
}

#[prof]
pub fn needless_lifetime<'a>(x: &'a u8) -> &'a u8 {
    x
}

#[prof]
pub fn needless_lifetime_early<'a>(x: &'a [u8]) -> Result<&'a u8, u8> {
    if x.len() > 7 {
        return Err(7);
    }
    x.first().ok_or(0)
}

#[prof]
pub async fn needless_lifetime_later<'a>(x: &'a [u8]) -> Result<&'a u8, u8> {
    Ok(x.first().ok_or(0)?)
}
