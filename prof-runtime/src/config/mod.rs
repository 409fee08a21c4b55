//! Which handlers receive what: the configuration, the scopes of threads and futures, and the delivery to handlers. The
//! only room that changes routes. Uses the rooms from `base` to `aggregate`.

pub(crate) mod dispatch;
pub(crate) mod install;
pub(crate) mod observer;
pub(crate) mod route;
pub(crate) mod scope;
