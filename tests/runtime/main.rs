//! What runs, runs as before: the caller's location, backtraces, sizes of futures and frames, payloads of panics.

#![allow(clippy::all, clippy::pedantic)]

mod backtraces;
mod callers;
mod coroutines;
mod handlers;
mod sizes;
