//! What one thread keeps: whether it is inside the runtime, its table of call sites, its calls in flight, and its
//! shares of the numbers. Uses the rooms from `base` to `counts`.

pub(crate) mod local;
