use prof_runtime::prof;

#[prof(ok = |status: &u8| *status > 1)]
fn wrong_argument() -> u16 {
    1
}

#[prof(err = |_: &u16| "text")]
fn wrong_result() -> u16 {
    1
}

fn main() {}
