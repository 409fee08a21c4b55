//! Call sites: the static record of each annotated function and instrument, the list of them all, the route of their
//! calls, and the records of calls, which refer to a site. Uses `base` and `model`.

mod callsite;
mod gauge_cells;
mod record;
mod recorded_number;
pub(crate) mod registry;
mod route;

pub use self::callsite::{Callsite, Instrument, callsites, crate_name};
pub use self::gauge_cells::GaugeCells;
pub use self::record::{CallRecord, UntimedCall};
pub use self::recorded_number::RecordedNumber;
pub(crate) use self::route::Route;
