//! Handlers that are registered at link time.
#![allow(missing_docs, clippy::manual_assert)]

use std::sync::LazyLock;

use prof_runtime::{MemoryHandler, NullHandler, configure, prof, put_metric, register_handler};

static EVERYTHING: LazyLock<MemoryHandler> = LazyLock::new(MemoryHandler::new);
static AGAIN: LazyLock<MemoryHandler> = LazyLock::new(MemoryHandler::new);
static CRAWLER: LazyLock<MemoryHandler> = LazyLock::new(MemoryHandler::new);

register_handler!(EVERYTHING.clone());
register_handler!({
    // Annotated code may run here; no handler receives its calls yet.
    early();
    put_metric!("too early", 1);
    AGAIN.clone()
});
register_handler!(group = "crawler", CRAWLER.clone());
register_handler!({
    if true {
        panic!("cannot be made");
    }
    NullHandler
});

#[prof(name = "early")]
fn early() {}

#[prof(name = "crawl", group = "crawler")]
fn crawl() {}

#[test]
fn what_is_linked_is_active_from_the_start() {
    early();
    crawl();
    assert_eq!(EVERYTHING.names(), ["early.success", "early.duration.ms"]);
    assert_eq!(AGAIN.names(), EVERYTHING.names());
    assert_eq!(CRAWLER.names(), ["crawl.success", "crawl.duration.ms"]);

    // The program has the last word, on the default and on nothing else.
    let own = MemoryHandler::new();
    configure(own.clone());
    early();
    crawl();
    assert_eq!((own.count("early.success"), EVERYTHING.count("early.success")), (1, 1));
    assert_eq!(CRAWLER.count("crawl.success"), 2);
}
