//! timer-watchdog
