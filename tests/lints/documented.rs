//! What is documented of annotated functions.
use prof_runtime::prof;

/// A type.
pub struct Pair {
    a: String,
    b: String,
}

/// A trait.
pub trait Documented {
    /// What it does.
    #[prof]
    fn default(&self, x: String) -> Result<String, ()> {
        if x.is_empty() {
            return Err(());
        }
        Ok(x)
    }
}

impl Documented for Pair {}

#[prof]
impl Pair {
    /// What it does.
    pub fn method(mut self, mut x: String) -> Result<String, ()> {
        self.a.push('a');
        x.push('b');
        if x.is_empty() {
            return Err(());
        }
        Ok(self.b)
    }

    /// What it does.
    pub async fn later(mut self, mut x: String) -> Result<String, ()> {
        self.a.push('a');
        x.push('b');
        Some(self.b).ok_or(())
    }
}

/// What it does, and [`Pair`].
///
/// # Panics
///
/// When `N` is 0.
#[prof]
#[must_use]
#[deprecated(note = "for the sake of the case")]
pub fn plain<'a, T: Clone, const N: usize>(x: &'a [T; N], _: String, (a, b): (u8, u8)) -> (&'a T, u8)
where
    [T; N]: Sized,
{
    (&x[0], a + b)
}

/// What it does.
#[prof]
pub fn early(mut x: String, &y: &u8, ref z: String, n: u8) -> Result<usize, ()> {
    x.push('a');
    if n == y {
        return Err(());
    }
    Ok(z.len())
}

/// What it does.
#[prof]
pub async fn later(mut x: String, (a, b): (u8, u8), [c, ..]: [u8; 3]) -> Result<usize, ()> {
    x.push('a');
    if a == b {
        return Err(());
    }
    Ok(usize::from(c))
}

/// What it does.
#[prof]
pub fn opaque(x: u8) -> impl Fn(u8) -> u8 {
    move |y| x + y
}

/// What it does.
#[prof]
pub unsafe extern "C" fn foreign(x: u8) -> u8 {
    x
}

/// What it does.
#[doc(hidden)]
#[prof]
pub fn hidden() {}
