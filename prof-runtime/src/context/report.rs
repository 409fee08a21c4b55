//! Hands records to the user's `on_exit`, whose panics end here.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

use super::{outcome::panic_message, record::ContextRecord};
use crate::base::failing::FailingCode;
use crate::base::panics::discard;
use crate::base::stderr;
use crate::base::text::Foreign;

/// The user's callback, which gets each record.
pub(super) struct OnExit {
    callback: Box<dyn Fn(ContextRecord) + Send + Sync>,
    /// Whose callback it is, for the line on stderr.
    context: &'static str,
    /// Its type: contexts are made anew for each request.
    failing: FailingCode,
}

impl OnExit {
    pub(super) fn new<F: Fn(ContextRecord) + Send + Sync + 'static>(context: &'static str, callback: F) -> Self {
        Self { callback: Box::new(callback), context, failing: FailingCode::of::<F>() }
    }

    /// Calls it. A panic goes no further, also while the thread is unwinding; the first, the tenth, the hundredth and
    /// so on is one line on stderr.
    pub(super) fn report(&self, record: ContextRecord) {
        let Err(payload) = catch_unwind(AssertUnwindSafe(|| (self.callback)(record))) else {
            return;
        };
        if let Some(times) = self.failing.count() {
            let message = panic_message(payload.as_ref())
                .map_or_else(|| "not a string".to_owned(), |message| format!("{:?}", Foreign(message)));
            stderr::line(format_args!("prof: on_exit of a {} panicked{times}: {message}", self.context));
        }
        discard(payload);
    }
}

impl fmt::Debug for OnExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnExit")
    }
}
