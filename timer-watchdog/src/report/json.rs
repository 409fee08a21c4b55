//! Events as lines of JSON.

use super::Event;

impl Event {
    /// Returns the event as one line of JSON, without a newline: the members `event` (its name), `message` (its
    /// `Display` form) and `report`, the [`IncidentReport`](crate::IncidentReport) of events that have one, else null.
    ///
    /// ```
    /// use timer_watchdog::Event;
    ///
    /// let line = r#"{"event":"watchdog stopped","message":"watchdog stopped","report":null}"#;
    /// assert_eq!(Event::Stopped.to_json(), line);
    /// ```
    pub fn to_json(&self) -> String {
        let report = match self {
            Self::Worker(event) => event.report(),
            _ => None,
        };
        serde_json::json!({ "event": self.name(), "message": self.to_string(), "report": report }).to_string()
    }
}
