//! What signatures may hold.
#![allow(dead_code)]
use prof_runtime::prof;
use std::collections::HashMap;
use std::fmt;

struct Store<'a, T>(&'a T);

/// A trait whose signatures an impl cannot change.
pub trait Complex {
    /// Documented.
    fn complex(&self) -> Result<Vec<HashMap<String, Vec<Option<(u8, u16, Box<dyn Fn(u8) -> u8>)>>>>, ()>;
    /// Documented.
    fn complex_early(&self) -> Result<Vec<HashMap<String, Vec<Option<(u8, u16, Box<dyn Fn(u8) -> u8>)>>>>, ()>;
}

impl<T> Complex for Store<'_, T> {
    #[prof]
    fn complex(&self) -> Result<Vec<HashMap<String, Vec<Option<(u8, u16, Box<dyn Fn(u8) -> u8>)>>>>, ()> {
        Err(())
    }

    #[prof]
    fn complex_early(&self) -> Result<Vec<HashMap<String, Vec<Option<(u8, u16, Box<dyn Fn(u8) -> u8>)>>>>, ()> {
        if true {
            return Err(());
        }
        Err(())
    }
}

impl<'a, T: Clone> Store<'a, T> {
    #[prof]
    pub fn borrowed(&self) -> &'a T {
        self.0
    }

    #[prof]
    pub fn consumed(self) -> Result<T, ()> {
        Some(self.0.clone()).ok_or(())
    }

    #[prof]
    pub fn consumed_early(self, fail: bool) -> Result<T, ()> {
        if fail {
            return Err(());
        }
        Ok(self.0.clone())
    }

    #[prof]
    pub async fn later(&self) -> Result<T, ()> {
        Ok(Some(self.0.clone()).ok_or(())?)
    }

    #[prof]
    pub async fn consumed_later(mut self, other: &'a T) -> Result<T, ()> {
        self.0 = other;
        Ok(Some(self.0.clone()).ok_or(())?)
    }
}

impl<T> fmt::Debug for Store<'_, T> {
    #[prof]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("store")
    }
}

impl<T> Drop for Store<'_, T> {
    #[prof]
    fn drop(&mut self) {}
}

/// Documented.
#[prof]
pub fn by_value(text: String, list: Vec<u8>) -> Result<usize, ()> {
    if text.is_empty() {
        return Err(());
    }
    Ok(list.len())
}

/// Documented.
#[prof]
pub fn generic<T: Into<String>, F>(value: T, f: F) -> Result<usize, std::num::ParseIntError>
where
    F: FnOnce(&str) -> usize,
{
    let text = value.into();
    let parsed: usize = text.parse()?;
    Ok(f(&text) + parsed)
}

/// Documented.
///
/// # Safety
///
/// None.
#[prof]
pub unsafe fn raw(p: *const u8) -> Result<u8, ()> {
    if p.is_null() {
        return Err(());
    }
    Ok(unsafe { *p })
}

/// Documented.
#[prof]
pub extern "C" fn foreign(x: u8) -> u8 {
    x
}

/// Documented.
#[prof]
pub fn patterns((a, b): (u8, u8), [c, ..]: [u8; 2], &d: &u8, mut e: u8) -> Result<u8, ()> {
    e += 1;
    Some(a + b + c + d + e).ok_or(())
}
