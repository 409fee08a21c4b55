//! Hands records to the user's `on_exit`, whose panics end here.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

use super::{outcome::panic_message, record::ContextRecord};
use crate::{panics::discard, stderr, text::Foreign};

/// The user's callback, which gets each record.
pub(super) struct OnExit {
    callback: Box<dyn Fn(ContextRecord) + Send + Sync>,
    /// Whose callback it is, for the line on stderr.
    context: &'static str,
}

impl OnExit {
    pub(super) fn new(context: &'static str, callback: impl Fn(ContextRecord) + Send + Sync + 'static) -> Self {
        Self { callback: Box::new(callback), context }
    }

    /// Calls it. A panic is logged as one line on stderr and goes no further, also while the thread is unwinding.
    pub(super) fn report(&self, record: ContextRecord) {
        let Err(payload) = catch_unwind(AssertUnwindSafe(|| (self.callback)(record))) else {
            return;
        };
        let message = panic_message(payload.as_ref())
            .map_or_else(|| "not a string".to_owned(), |message| format!("{:?}", Foreign(message)));
        stderr::line(format_args!("prof: on_exit of a {} panicked: {message}", self.context));
        discard(payload);
    }
}

impl fmt::Debug for OnExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnExit")
    }
}
