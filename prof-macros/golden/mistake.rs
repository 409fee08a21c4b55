#[prof(gruop = "x")]
fn add(a: i32, b: i32) -> i32 { a + b }

// --------

::core::compile_error! {
    "unknown argument `gruop`: did you mean `group`? expected one of `group`, `name`, `skip`, `ok`, `err`, `sample`, `objective`, `crate`"
}
fn add(a: i32, b: i32) -> i32 {
    a + b
}
