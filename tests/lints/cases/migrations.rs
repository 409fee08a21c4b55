//! What changes between editions.
#![warn(rust_2018_idioms, rust_2021_compatibility, rust_2024_compatibility)]
use prof_runtime::prof;
use std::sync::{Arc, Mutex};

/// Documented.
#[derive(Debug, Default)]
pub struct Pair {
    first: Option<Arc<u8>>,
    second: Option<Arc<u8>>,
}

impl Pair {
    /// Documented.
    #[prof]
    pub async fn partial(self) -> Option<Arc<u8>> {
        self.first
    }

    /// Documented.
    #[prof]
    pub async fn partial_early(self) -> Result<Arc<u8>, ()> {
        self.first.ok_or(())?;
        self.second.ok_or(())
    }

    /// Documented.
    #[prof]
    pub fn partial_sync(self) -> Result<Arc<u8>, ()> {
        self.first.ok_or(())?;
        self.second.ok_or(())
    }
}

/// Documented.
#[prof]
pub fn tail(m: &Mutex<u8>) -> u8 { *m.lock().unwrap() }

/// Documented.
#[prof]
pub fn tail_early(m: &Mutex<u8>) -> Result<u8, ()> {
    if m.is_poisoned() {
        return Err(());
    }
    Ok(*m.lock().map_err(drop)?)
}

/// Documented.
#[prof]
pub async fn tail_later(m: &Mutex<u8>) -> u8 { *m.lock().unwrap() }

/// Documented.
#[prof]
pub fn tail_opaque(m: &Mutex<u8>) -> impl Sized { *m.lock().unwrap() }

/// Documented.
#[prof]
pub fn never(m: &Mutex<u8>) -> ! { std::process::exit((*m.lock().unwrap()).into()) }
