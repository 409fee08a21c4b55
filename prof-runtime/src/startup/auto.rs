//! The feature `auto`: what the variable `PROF` lists starts before `main`, without a line in it.
#![allow(unsafe_code)] // The attribute that names a section of the program.

use std::sync::Mutex;

use super::ProfGuard;
use crate::base::lock;
use crate::base::panics::caught;
use crate::base::stderr;

/// The guard of what was started, with the process that started it. The exit of the process ends it, unless
/// [`init_from_env`](super::init_from_env) takes it before that.
static STARTED: Mutex<Option<(u32, ProfGuard)>> = Mutex::new(None);

/// Runs before `main`, after what the crates that depend on this one register: linkers keep the order in which they are
/// given object files, and compilers give them a crate before its dependencies.
extern "C" fn before_main() {
    // A panic here would abort the program.
    let _ = caught(|| {
        let list = std::env::var_os("PROF").unwrap_or_default();
        if list.is_empty() {
            return;
        }
        match super::init(list) {
            Ok(guard) => *lock(&STARTED) = Some((std::process::id(), guard)),
            Err(error) => stderr::line(format_args!("prof: the variable PROF starts nothing: {error}")),
        }
    });
}

#[cfg(not(any(loom, miri)))]
#[used]
#[cfg_attr(
    any(target_family = "wasm", all(unix, not(target_vendor = "apple")), target_os = "none"),
    unsafe(link_section = ".init_array")
)]
#[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__mod_init_func,mod_init_funcs"))]
// After `.CRT$XCU`, where call sites register.
#[cfg_attr(windows, unsafe(link_section = ".CRT$XCV"))]
static BEFORE_MAIN: extern "C" fn() = before_main;

/// Takes the guard of what this process started before `main`. A forked child starts parts of its own.
pub(super) fn take() -> Option<ProfGuard> {
    let mut started = lock(&STARTED);
    let is_ours = started.as_ref().is_some_and(|(process_id, _)| *process_id == std::process::id());
    if is_ours { started.take().map(|(_, guard)| guard) } else { None }
}
