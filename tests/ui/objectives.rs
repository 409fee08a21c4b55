use prof_runtime::prof;

#[prof(objective)]
fn without_parentheses() {}

#[prof(objective())]
fn empty() {}

#[prof(objective(sucess = 99.9))]
fn misspelt() {}

#[prof(objective(success = 99, success = 99.9))]
fn twice() {}

#[prof(objective(success = 100))]
fn too_much() {}

#[prof(objective(success = 99.999_999_99))]
fn too_fine() {}

#[prof(objective(latency = "250ms"))]
fn without_percentile() {}

#[prof(objective(percentile = 99))]
fn without_latency() {}

#[prof(objective(latency = 250, percentile = 99))]
fn without_a_unit() {}

#[prof(objective(latency = "2h", percentile = 99))]
fn too_long() {}

#[prof(objective(latency = "soon", percentile = 0))]
fn two_mistakes() {}

#[prof(objective(none, success = 99))]
fn nothing_and_something() {}

#[prof(skip, objective(success = 99))]
fn skipped() {}

fn main() {
    // All of them are still defined.
    without_parentheses();
    empty();
    misspelt();
    twice();
    too_much();
    too_fine();
    without_percentile();
    without_latency();
    without_a_unit();
    too_long();
    two_mistakes();
    nothing_and_something();
    skipped();
}
