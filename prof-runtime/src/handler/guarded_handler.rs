//! A handler with a fuse: its panics do not reach the annotated function.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::base::failing::{FailingCode, Times};
use crate::base::inside;
use crate::base::panics::caught;
use crate::base::stderr;
use crate::handler::{FastPath, FlushError, MetricHandler};

/// A handler whose panics stop here, and which is switched off after [`MAX_PANICS`] of them.
pub(crate) struct GuardedHandler {
    /// `None` only while this is dropped.
    handler: Option<Arc<dyn MetricHandler>>,
    panics: AtomicU32,
    /// Switched off after too many panics.
    is_off: AtomicBool,
    place: Place,
}

/// Why a handler returned nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Failed {
    /// It is switched off, and was not called.
    IsOff,
    /// It panicked.
    Panicked,
    /// It panicked, and is switched off from now on, so that the caller may publish routes without it.
    SwitchedOff,
}

/// Where a handler was installed, for messages.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    /// By a call of `configure` or the like at this place.
    Installed(&'static Location<'static>),
    /// By `register_handler!` at this place.
    Registered(&'static str),
}

impl fmt::Debug for GuardedHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedHandler")
            .field("panics", &self.panics)
            .field("is_off", &self.is_off)
            .finish_non_exhaustive()
    }
}

/// How many panics switch a handler off.
const MAX_PANICS: u32 = 3;

impl GuardedHandler {
    /// Guards a handler that the caller installs.
    #[track_caller]
    pub(crate) fn new(handler: Arc<dyn MetricHandler>) -> Arc<Self> {
        Self::at(Place::Installed(Location::caller()), handler)
    }

    pub(crate) fn at(place: Place, handler: Arc<dyn MetricHandler>) -> Arc<Self> {
        Arc::new(Self { handler: Some(handler), panics: AtomicU32::new(0), is_off: AtomicBool::new(false), place })
    }

    fn type_name(&self) -> &'static str {
        self.handler.as_deref().map_or("", |handler| handler.__prof_type_name())
    }

    pub(crate) fn fast_path(&self) -> FastPath<'_> {
        self.handler.as_ref().map_or(FastPath::Off, |handler| handler.fast_path())
    }

    /// Whether the handler is switched off.
    pub(crate) fn is_off(&self) -> bool {
        self.is_off.load(Ordering::Relaxed)
    }

    /// Runs `f` on the handler, unless it is switched off, and catches its panics. To be called inside the runtime.
    #[inline(always)]
    pub(crate) fn with<R>(&self, f: impl FnOnce(&dyn MetricHandler) -> R) -> Result<R, Failed> {
        if self.is_off() {
            return Err(Failed::IsOff);
        }
        let Some(handler) = self.handler.as_deref() else { return Err(Failed::IsOff) };
        match caught(|| f(handler)) {
            Some(result) => Ok(result),
            None => Err(self.count_panic()),
        }
    }

    /// Flushes the handler, unless it is switched off.
    pub(crate) fn flush(&self) -> Result<(), FlushError> {
        match inside(|| self.with(|handler| handler.flush())) {
            Ok(flushed) => flushed,
            Err(Failed::IsOff) => Ok(()),
            Err(Failed::Panicked | Failed::SwitchedOff) => {
                Err(FlushError::Panicked { handler: self.to_string().into() })
            }
        }
    }

    #[cold]
    fn count_panic(&self) -> Failed {
        let panics = self.panics.fetch_add(1, Ordering::Relaxed) + 1;
        if panics != MAX_PANICS {
            return Failed::Panicked;
        }
        self.is_off.store(true, Ordering::Relaxed);
        self.tell_that_it_is_off();
        Failed::SwitchedOff
    }

    /// Prints that the handler is switched off: not every time, since each of many requests may install a handler.
    fn tell_that_it_is_off(&self) {
        let times = match self.place {
            Place::Installed(place) => FailingCode::from(place, self.type_name()).count(),
            Place::Registered(_) => Some(Times(1)),
        };
        let off = format!("prof: the handler {self}, panicked {MAX_PANICS} times and is switched off");
        match times {
            None => {}
            Some(Times(1)) => stderr::line(format_args!("{off}")),
            Some(Times(times)) => stderr::line(format_args!("{off}, as {times} were from there")),
        }
    }
}

/// Its type and place, as part of a sentence.
impl fmt::Display for GuardedHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.type_name();
        match self.place {
            Place::Installed(place) => write!(f, "`{name}`, installed at {}:{}", place.file(), place.line()),
            Place::Registered(place) => write!(f, "`{name}`, registered at {place}"),
        }
    }
}

impl Drop for GuardedHandler {
    /// The last thread that has a replaced handler cached may drop it at the end of an annotated call.
    fn drop(&mut self) {
        let handler = self.handler.take();
        inside(|| caught(|| drop(handler)));
    }
}
