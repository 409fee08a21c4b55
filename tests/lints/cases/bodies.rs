//! What bodies may hold.
use prof_runtime::prof;
use std::sync::Mutex;

#[prof]
fn one_line() -> u8 { 1 }
#[prof]
fn one_line_unit() { one_line(); }
#[prof]
async fn one_line_later() -> u8 { 1 }
#[prof]
fn one_line_result() -> Result<u8, ()> { Ok(1) }
#[prof]
fn one_line_question() -> Result<u8, ()> { Ok(one_line_result()?) }
#[prof]
fn empty() {}
#[prof]
fn in_braces() -> u8 {
    { 1 }
}
#[prof]
async fn question_later() -> Result<u8, ()> { Ok(one_line_result()?) }

#[prof]
fn branches(x: u8) -> u8 {
    if x > 1 {
        2
    } else {
        3
    }
}

#[prof]
fn unit_values(x: &mut Vec<u8>) {
    x.push(1);
    let unit = x.clear();
    drop(unit);
}

#[prof]
fn early_unit(x: u8) {
    if x == 0 {
        return;
    }
    println!("{x}");
}

#[prof]
async fn early_unit_later(x: u8) {
    if x == 0 {
        return;
    }
    println!("{x}");
}

#[prof]
fn diverges() -> u8 {
    panic!("on purpose")
}

#[prof]
fn diverges_semicolon() -> Result<u8, ()> {
    panic!("on purpose");
}

#[prof]
fn diverges_unit() {
    panic!("on purpose");
}

#[prof]
async fn diverges_later() -> Result<u8, ()> {
    unimplemented!()
}

#[prof]
fn only_returns() -> u8 {
    return 1;
}

#[prof]
fn only_returns_opaque() -> impl Sized {
    return 1;
}

#[prof]
fn loops() -> u8 {
    loop {
        return 1;
    }
}

#[prof]
fn never() -> ! {
    std::process::exit(1)
}

#[prof]
fn shadows(x: u8, call: u8) -> Result<u8, u8> {
    let x = x + call;
    let y = Some(x).ok_or(x)?;
    Ok(y)
}

#[prof]
fn underscored(_x: u8, _: u8) -> u8 {
    1
}

#[prof]
fn underscored_early(_x: String, _: String) -> Result<u8, u8> {
    Some(1).ok_or(1)
}

#[prof]
async fn underscored_later(_x: String, _: String, (_a, _b): (u8, u8)) -> Result<u8, u8> {
    Ok(Some(1).ok_or(1)?)
}

#[prof]
fn lock_in_the_tail(mutex: &Mutex<u8>) -> u8 {
    *mutex.lock().unwrap()
}

#[prof]
fn closure_returned(n: u8) -> impl Fn(u8) -> u8 {
    move |x| x + n
}

#[prof]
fn closure_on_one_line(n: u8) -> impl Fn(u8) -> u8 { move |x| x + n }

#[prof]
fn exit_on_one_line() -> ! { std::process::exit(1) }

#[prof]
#[expect(clippy::print_stdout)]
fn prints(text: String) -> Result<(), ()> {
    println!("{text}");
    Some(()).ok_or(())?;
    Ok(())
}

#[prof]
#[expect(clippy::print_stdout)]
async fn prints_later(text: String) -> Result<(), ()> {
    println!("{text}");
    Some(()).ok_or(())?;
    Ok(())
}

#[prof]
#[expect(clippy::print_stdout)]
fn prints_opaque(text: String) -> impl Sized {
    println!("{text}");
    text
}

#[prof]
fn future_returned(n: u8) -> impl std::future::Future<Output = u8> {
    async move { n }
}

#[prof]
fn boxed_future(n: u8) -> std::pin::Pin<Box<dyn std::future::Future<Output = u8>>> {
    Box::pin(async move { n })
}

#[prof]
fn items() -> Result<u8, ()> {
    const ONE: u8 = 1;
    fn inner() -> u8 {
        ONE
    }
    Some(inner()).ok_or(())
}

#[prof]
fn match_tail(x: Option<u8>) -> Result<u8, ()> {
    match x {
        Some(x) => Ok(x),
        None => Err(()),
    }
}

#[prof]
fn long(a: u8) -> Result<u8, String> {
    let b = a.checked_add(1).ok_or("overflow")?;
    let c = b.checked_add(1).ok_or_else(|| String::from("overflow"))?;
    for i in 0..c {
        if i == 7 {
            return Ok(i);
        }
    }
    Ok(c)
}
