use prof_runtime::prof;

#[prof]
const fn constant() -> u8 {
    1
}

#[prof]
struct Struct;

trait Trait {
    #[prof]
    fn declared(&self);
}

#[prof]
#[prof]
fn twice() {}

#[prof]
enum Enum {
    One,
}

#[prof]
use std::fmt as renamed;

#[prof]
impl Struct {
    #[prof(gruop = "x")]
    fn misspelt_inside(&self) {}
}

fn main() {
    // All of them are still defined.
    let _: u8 = constant();
    let _ = (Struct, Enum::One);
    twice();
    Struct.misspelt_inside();
    let _: renamed::Result = Ok(());
    fn uses<T: Trait>(t: T) {
        t.declared();
    }
}
