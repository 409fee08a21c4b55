//! Messages to the service manager, in systemd's `sd_notify` protocol: ready, alive, stopping.

use std::env;
use std::ffi::OsString;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use crate::time::Timestamp;

/// The socket of the service manager.
#[derive(Debug)]
pub(crate) struct SdNotify {
    socket: UnixDatagram,
    address: SocketAddr,
    /// The interval in which it expects a message, if any.
    watchdog: Option<Duration>,
    /// The time of the last message.
    last: Timestamp,
}

impl SdNotify {
    /// Returns the service manager that the environment names, if it names one.
    pub(crate) fn from_env() -> io::Result<Option<Self>> {
        let Some(name) = env::var_os("NOTIFY_SOCKET") else {
            return Ok(None);
        };
        Self::new(&name, watchdog(env::var("WATCHDOG_USEC").ok(), env::var("WATCHDOG_PID").ok())).map(Some)
    }

    fn new(name: &OsString, watchdog: Option<Duration>) -> io::Result<Self> {
        let address = match name.as_bytes().strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name)?,
            None => SocketAddr::from_pathname(name)?,
        };
        let socket = UnixDatagram::unbound()?;
        // A slow service manager must not block the server.
        socket.set_nonblocking(true)?;
        Ok(Self { socket, address, watchdog, last: Timestamp::ZERO })
    }

    /// Returns half the longest time between two messages that the service manager tolerates.
    pub(crate) fn max_interval(&self) -> Option<Duration> {
        self.watchdog.map(|interval| interval / 2)
    }

    pub(crate) fn ready(&self) {
        self.send("READY=1");
    }

    pub(crate) fn stopping(&self) {
        self.send("STOPPING=1");
    }

    /// Tells that a pass has completed, at most four times in each interval.
    pub(crate) fn passed(&mut self, now: Timestamp) {
        let Some(interval) = self.watchdog else {
            return;
        };
        if now.since(self.last) >= interval / 4 {
            self.last = now;
            self.send("WATCHDOG=1");
        }
    }

    fn send(&self, message: &str) {
        // A failure cannot be reported anywhere. The service manager notices missing messages.
        let _ = self.socket.send_to_addr(message.as_bytes(), &self.address);
    }
}

/// Returns the interval that the environment asks for, if it asks this process.
fn watchdog(micros: Option<String>, pid: Option<String>) -> Option<Duration> {
    let is_meant = pid.is_none_or(|pid| pid.parse() == Ok(std::process::id()));
    let micros = micros?.parse().ok().filter(|micros| *micros > 0 && is_meant)?;
    Some(Duration::from_micros(micros))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;
    use std::time::Duration;

    use super::{SdNotify, watchdog};
    use crate::time::Timestamp;

    #[test]
    fn fault_59_the_service_manager_hears_of_passes_and_not_too_often() {
        let path = std::env::temp_dir().join(format!("sd-notify-{}", std::process::id()));
        let manager = UnixDatagram::bind(&path).unwrap();
        let mut notify = SdNotify::new(&path.clone().into_os_string(), Some(Duration::from_secs(4))).unwrap();
        assert_eq!(notify.max_interval(), Some(Duration::from_secs(2)));
        notify.ready();
        for second in [10, 10, 11] {
            notify.passed(Timestamp::from_nanos(second * 1_000_000_000));
        }
        notify.stopping();
        let mut buffer = [0; 64];
        for expect in ["READY=1", "WATCHDOG=1", "WATCHDOG=1", "STOPPING=1"] {
            let length = manager.recv(&mut buffer).unwrap();
            assert_eq!(std::str::from_utf8(&buffer[..length]), Ok(expect));
        }
        std::fs::remove_file(path).unwrap();
        notify.ready(); // Without a service manager, nothing happens.
    }

    #[test]
    fn only_the_process_that_is_meant_reports() {
        let own = Some(std::process::id().to_string());
        let check = |micros: &str, pid: Option<String>, expect: Option<u64>| {
            assert_eq!(watchdog(Some(micros.into()), pid), expect.map(Duration::from_micros));
        };
        check("500", None, Some(500));
        check("500", own, Some(500));
        check("500", Some("1".into()), None);
        check("0", None, None);
        check("x", None, None);
        assert_eq!(watchdog(None, None), None);
    }
}
