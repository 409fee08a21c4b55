//! The value of a gauge, for the whole program.

use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};

/// The number of cells that additions are spread over. More threads than that share cells, which is correct but slower.
const CELLS: usize = 8;

/// The value of a gauge: the value that was set, and the additions of each cell.
///
/// A change writes to one number only, and each is atomic, so that all orderings are relaxed: a reader sees some order
/// of changes in which each is before or after a set, and none is lost.
pub struct GaugeCells {
    /// The value that was set last, less all additions before it; the bits of a float.
    base: AtomicU64,
    added: [Cell64; CELLS],
}

/// A number on a cache line of its own.
#[repr(align(64))]
struct Cell64(AtomicI64);

thread_local! {
    /// The cell that this thread adds to; [`u32::MAX`] before its first addition.
    static CELL: Cell<u32> = const { Cell::new(u32::MAX) };
}

impl GaugeCells {
    /// Creates the cells of a gauge that is 0.
    pub const fn new() -> Self {
        Self { base: AtomicU64::new(0.0_f64.to_bits()), added: [const { Cell64(AtomicI64::new(0)) }; CELLS] }
    }

    /// Sets the value. Additions of other threads at the same time count before or after.
    #[inline]
    #[allow(clippy::cast_precision_loss)] // As `Gauge::set` says.
    pub(crate) fn set(&self, value: f64) {
        self.base.store((value - self.added() as f64).to_bits(), Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn add(&self, by: i64) {
        self.added[cell()].0.fetch_add(by, Ordering::Relaxed);
    }

    #[allow(clippy::cast_precision_loss)] // As `Gauge::set` says.
    pub(crate) fn value(&self) -> f64 {
        f64::from_bits(self.base.load(Ordering::Relaxed)) + self.added() as f64
    }

    #[inline]
    fn added(&self) -> i64 {
        self.added.iter().fold(0, |sum, cell| sum.wrapping_add(cell.0.load(Ordering::Relaxed)))
    }
}

impl Default for GaugeCells {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for GaugeCells {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GaugeCells").field("value", &self.value()).finish_non_exhaustive()
    }
}

/// Returns the cell of this thread.
#[inline]
fn cell() -> usize {
    let cell = CELL.get();
    if cell == u32::MAX { choose_cell() } else { cell as usize % CELLS }
}

/// Cells are given to threads in turn.
#[cold]
fn choose_cell() -> usize {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let cell = NEXT.fetch_add(1, Ordering::Relaxed) as usize % CELLS;
    // Less than the number of cells.
    #[allow(clippy::cast_possible_truncation)]
    CELL.set(cell as u32);
    cell
}
