//! Which text format a scraper is given.

/// A text format that Prometheus reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum TextFormat {
    /// The classic format, version 0.0.4, which everything reads.
    Classic,
    /// `OpenMetrics`, version 1.0.0.
    OpenMetrics,
}

impl TextFormat {
    /// Returns what a response in this format says it is.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Classic => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// Returns the format that an `Accept` header prefers: `OpenMetrics` only to those that name it and do not like plain
    /// text better.
    ///
    /// # Examples
    ///
    /// ```
    /// use prof_runtime::export::prometheus::TextFormat;
    ///
    /// assert_eq!(TextFormat::negotiate(None), TextFormat::Classic);
    /// let accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    /// assert_eq!(TextFormat::negotiate(Some(accept)), TextFormat::OpenMetrics);
    /// ```
    pub fn negotiate(accept: Option<&str>) -> Self {
        let (mut open_metrics, mut classic) = (0.0_f32, 0.0_f32);
        for range in accept.unwrap_or_default().split(',') {
            let mut parts = range.split(';').map(str::trim);
            let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
            let parameters: Vec<(&str, &str)> = parts.filter_map(|part| part.split_once('=')).collect();
            let parameter = |name| parameters.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
            let weight: f32 = parameter("q").map_or(1.0, |q| q.parse().unwrap_or(0.0));
            match &*media_type {
                "application/openmetrics-text" if is_served(parameter("version")) => {
                    open_metrics = weight.max(open_metrics);
                }
                "text/plain" | "text/*" | "*/*" => classic = weight.max(classic),
                _ => {}
            }
        }
        match open_metrics > 0.0 && open_metrics >= classic {
            true => Self::OpenMetrics,
            false => Self::Classic,
        }
    }
}

/// Whether version 1.0.0 will do for a scraper that asks for this one.
fn is_served(version: Option<&str>) -> bool {
    matches!(version, None | Some("1.0.0" | "0.0.1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_negotiated() {
        let check = |accept, expect| assert_eq!(TextFormat::negotiate(Some(accept)), expect, "{accept}");
        check("", TextFormat::Classic);
        check("*/*", TextFormat::Classic);
        check("text/html, application/json", TextFormat::Classic);
        check("application/openmetrics-text", TextFormat::OpenMetrics);
        check("Application/OpenMetrics-Text; version=1.0.0; charset=utf-8", TextFormat::OpenMetrics);
        check("application/openmetrics-text; version=2.0.0", TextFormat::Classic);
        check("application/openmetrics-text;q=0", TextFormat::Classic);
        check("application/openmetrics-text;q=0.3,text/plain;q=0.4", TextFormat::Classic);
        check("application/openmetrics-text;q=strange,*/*;q=0.1", TextFormat::Classic);
        // What Prometheus 2.42 sends.
        let prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                          text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        check(prometheus, TextFormat::OpenMetrics);
    }
}
