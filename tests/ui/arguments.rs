use prof_runtime::prof;

const NUMBER: u8 = 1;

#[prof(gruop = "x")]
fn misspelt() {}

#[prof(group = "a", group = "b")]
fn twice() {}

#[prof(name = "")]
fn empty() {}

#[prof(group = 5)]
fn number() {}

#[prof(group = NUMBER)]
fn constant_of_another_type() {}

#[prof(ok = |_: &()| true, err = |_: &()| false)]
fn both() {}

#[prof("text")]
fn no_key() {}

#[prof(name)]
fn no_value() {}

#[prof(skip, name = "x")]
fn skipped() {}

#[prof(nam = "x", grup = "y")]
fn two_mistakes() {}

#[prof(name = "block")]
mod block {}

fn main() {
    // All of them are still defined.
    misspelt();
    twice();
    empty();
    number();
    constant_of_another_type();
    both();
    no_key();
    no_value();
    skipped();
    two_mistakes();
}
