//! The thread of a `BufferedHandler`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, SendError, Sender, after, never, select};

use super::item::Item;
use super::queue::State;
use crate::base::background::Stop;
use crate::handler::{FlushError, FlushFailures, GuardedHandler};
use crate::model::MetricData;
use crate::model::context::PublishedContext;

/// Where to send the result of a flush.
pub(super) type FlushRequest = Sender<Result<(), FlushError>>;

/// The most items between two reports of losses to the inner handler, which is to spend its time on metrics.
const REPORT_EVERY: u32 = 1024;

pub(super) struct Work {
    items: Receiver<Item>,
    flushes: Receiver<FlushRequest>,
    handler: Arc<GuardedHandler>,
    state: Arc<State>,
    /// The longest time from an item to the flush after it.
    flush_every: Option<Duration>,
    /// When that flush is due; never while all items are flushed.
    flush_due: Receiver<Instant>,
    is_flushed: bool,
    /// The errors of flushes that the queue began itself, for the next flush that is asked for.
    failures: FlushFailures,
    /// How many losses were reported to the inner handler.
    reported: u64,
    /// The number of items since the last report.
    unreported_for: u32,
}

impl Work {
    pub(super) fn new(
        items: Receiver<Item>,
        flushes: Receiver<FlushRequest>,
        handler: Arc<GuardedHandler>,
        state: Arc<State>,
        flush_every: Option<Duration>,
    ) -> Self {
        Self {
            items,
            flushes,
            handler,
            state,
            flush_every,
            flush_due: never(),
            is_flushed: true,
            failures: FlushFailures::default(),
            reported: 0,
            unreported_for: 0,
        }
    }

    /// Passes on items until the stop, and those that are left then.
    pub(super) fn run(mut self, stop: &Stop) {
        loop {
            select! {
                recv(self.items) -> item => if let Ok(item) = item { self.hand_on(&item) },
                recv(self.flushes) -> request => if let Ok(request) = request {
                    let result = self.flush();
                    if let Err(SendError(result)) = request.send(result) {
                        // It took too long, and the caller does not wait anymore.
                        self.failures.add(result);
                    }
                },
                recv(self.flush_due) -> _ => {
                    let flushed = self.flush_handler();
                    self.failures.add(flushed);
                }
                recv(stop.receiver()) -> _ => break,
            }
            if self.state.is_abandoned() {
                return;
            }
        }
        if let Err(error) = self.flush() {
            crate::base::stderr::line(format_args!("prof: {error}"));
        }
    }

    /// Passes on the items that are queued now, and flushes the inner handler.
    fn flush(&mut self) -> Result<(), FlushError> {
        for _ in 0..self.items.len() {
            let Ok(item) = self.items.try_recv() else { break };
            self.hand_on(&item);
        }
        self.report_losses();
        let flushed = self.flush_handler();
        self.failures.add(flushed);
        self.failures.take()
    }

    fn flush_handler(&mut self) -> Result<(), FlushError> {
        (self.flush_due, self.is_flushed) = (never(), true);
        let flushed = self.handler.flush();
        self.state.count_return();
        flushed
    }

    fn hand_on(&mut self, item: &Item) {
        if !self.state.take_up(item) {
            return;
        }
        let handed_on = self.handler.with(|handler| match item {
            Item::Call(call) => handler.record_call(call),
            Item::UntimedCall(call) => handler.record_untimed_call(call),
            Item::Number(number) => handler.record_number(number),
            Item::Data(data) => handler.emit(data),
            Item::Context(context) => handler.record_context(&PublishedContext {
                name: &context.name,
                group_name: &context.group_name,
                record: &context.record,
            }),
        });
        self.state.count_return();
        // Not if the handler panicked, or is switched off because of that.
        self.state.put_down(item, handed_on.is_ok());
        if let Some(flush_every) = self.flush_every
            && std::mem::take(&mut self.is_flushed)
        {
            self.flush_due = after(flush_every);
        }
        self.unreported_for += 1;
        if self.items.is_empty() || self.unreported_for >= REPORT_EVERY {
            self.report_losses();
        }
    }

    fn report_losses(&mut self) {
        self.unreported_for = 0;
        let lost = self.state.losses.total();
        if lost > self.reported {
            let data = MetricData::new("prof_runtime", "dropped", lost - self.reported);
            self.reported = lost;
            let _ = self.handler.with(|handler| handler.emit(&data));
        }
    }
}
