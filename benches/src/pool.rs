//! Threads that live for the whole run and make the calls, so that no measurement pays for a thread's beginning.

use std::hint;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, Instant};

use crate::alloc::allocated;
use crate::statistics::{float, median};
use crate::subject::Subject;

/// Calls before each measurement: they bring the subject's code and data back into the caches.
const WARM_UP_CALLS: u64 = 256;

/// The threads.
pub(crate) struct Pool {
    workers: Vec<Worker>,
}

struct Worker {
    jobs: Sender<Job>,
    samples: Receiver<Sample>,
}

struct Job {
    subject: Subject,
    calls: u64,
    gate: Arc<Gate>,
}

/// What one measurement found, per call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) ns: f64,
    /// Of the processor's time, which the thread's waiting for a processor is no part of.
    pub(crate) cpu_ns: f64,
    pub(crate) allocations: f64,
    /// How often the system took the processor away from a calling thread meanwhile.
    preemptions: u64,
    /// The threads made their calls at the same time, all but a fifth of it.
    pub(crate) is_together: bool,
    /// When the calls began and ended.
    from: Instant,
    to: Instant,
}

/// Lets threads go at the same moment. It spins, since waking up takes longer than what is measured.
struct Gate {
    missing: AtomicUsize,
}

impl Gate {
    fn wait(&self) {
        // Acquire and release, so that what a thread did before the gate is done for all that are past it.
        self.missing.fetch_sub(1, Ordering::AcqRel);
        while self.missing.load(Ordering::Acquire) > 0 {
            hint::spin_loop();
        }
    }
}

impl Pool {
    /// Starts `threads` threads. They end when the pool is dropped.
    pub(crate) fn new(threads: usize) -> Self {
        let workers = (0..threads).map(|_| Worker::start()).collect();
        Self { workers }
    }

    /// Makes this many calls on each of this many threads at the same time, and again if a thread was preempted or they
    /// ran one after the other: on a busy machine, what was measured then is the others. Of several attempts, the least
    /// disturbed one counts.
    pub(crate) fn measure(&self, subject: Subject, threads: usize, calls: u64) -> Sample {
        const ATTEMPTS: usize = 12;
        let disturbance = |sample: &Sample| (!sample.is_together, sample.preemptions);
        let mut best = self.measure_once(subject, threads, calls);
        for _ in 1..ATTEMPTS {
            if disturbance(&best) == (false, 0) {
                break;
            }
            let next = self.measure_once(subject, threads, calls);
            if disturbance(&next) < disturbance(&best) {
                best = next;
            }
        }
        best
    }

    /// What one call took, as the median over the threads, whatever else happened meanwhile.
    pub(crate) fn measure_once(&self, subject: Subject, threads: usize, calls: u64) -> Sample {
        let samples = {
            let _meanwhile = (subject.meanwhile)();
            let gate = Arc::new(Gate { missing: AtomicUsize::new(threads) });
            let chosen = &self.workers[..threads];
            for worker in chosen {
                let job = Job { subject, calls, gate: Arc::clone(&gate) };
                worker.jobs.send(job).expect("a worker ends only when its jobs do");
            }
            let samples = chosen.iter().map(|worker| worker.samples.recv().expect("a subject panicked"));
            samples.collect::<Vec<Sample>>()
        };
        (subject.settle)();
        let of = |what: fn(&Sample) -> f64| median(samples.iter().map(what).collect());
        Sample {
            ns: of(|sample| sample.ns),
            cpu_ns: of(|sample| sample.cpu_ns),
            allocations: of(|sample| sample.allocations),
            preemptions: samples.iter().map(|sample| sample.preemptions).sum(),
            is_together: are_together(&samples),
            ..samples[0]
        }
    }
}

impl Worker {
    fn start() -> Self {
        let (jobs, received) = mpsc::channel::<Job>();
        let (send, samples) = mpsc::channel();
        thread::spawn(move || {
            for job in received {
                if send.send(job.carry_out()).is_err() {
                    break;
                }
            }
        });
        Self { jobs, samples }
    }
}

impl Job {
    fn carry_out(&self) -> Sample {
        let _guard = (self.subject.on_thread)();
        (self.subject.run)(WARM_UP_CALLS);
        let preemptions = preemptions();
        self.gate.wait();
        let before = allocated();
        let (cpu_start, start) = (cpu_time(), Instant::now());
        (self.subject.run)(self.calls);
        let (elapsed, cpu_end) = (start.elapsed(), cpu_time());
        let allocations = allocated().count - before.count;
        Sample {
            ns: elapsed.as_secs_f64() * 1e9 / float(self.calls),
            cpu_ns: cpu_end.saturating_sub(cpu_start).as_secs_f64() * 1e9 / float(self.calls),
            allocations: float(allocations) / float(self.calls),
            preemptions: self::preemptions() - preemptions,
            is_together: true,
            from: start,
            to: start + elapsed,
        }
    }
}

/// Whether all threads made calls during most of the time in which any of them did.
fn are_together(samples: &[Sample]) -> bool {
    let all_from = samples.iter().map(|sample| sample.from).max();
    let all_to = samples.iter().map(|sample| sample.to).min();
    let any_from = samples.iter().map(|sample| sample.from).min();
    let any_to = samples.iter().map(|sample| sample.to).max();
    let span = |from: Option<Instant>, to: Option<Instant>| Some(to?.saturating_duration_since(from?).as_secs_f64());
    span(all_from, all_to) >= span(any_from, any_to).map(|any| 0.8 * any)
}

/// The processor's time that this thread has had; where the system does not say, the time of the clock.
fn cpu_time() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    #[cfg(unix)]
    if let Ok(time) = nix::time::clock_gettime(nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID) {
        return time.into();
    }
    START.elapsed()
}

/// How often the system has taken the processor away from this thread; 0 where it does not say.
fn preemptions() -> u64 {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    let count = status.lines().find_map(|line| line.strip_prefix("nonvoluntary_ctxt_switches:"));
    count.and_then(|count| count.trim().parse().ok()).unwrap_or(0)
}
