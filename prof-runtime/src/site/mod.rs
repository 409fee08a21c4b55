//! Call sites: the static record of each annotated function, the list of them all, the route of their calls, and the records
//! of calls, which refer to a site. Uses `base` and `model`.

mod callsite;
mod record;
pub(crate) mod registry;
mod route;

pub use self::callsite::{Callsite, callsites, crate_name};
pub use self::record::{CallRecord, UntimedCall};
pub(crate) use self::route::Route;
