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

    /// Returns the format that an `Accept` header prefers: `OpenMetrics` only to those that name it and do not like
    /// plain text better.
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
        Weights::new(accept).text()
    }
}

/// What a response is written in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Format {
    Text(TextFormat),
    /// Delimited messages, the only format that has native histograms.
    #[cfg(feature = "prometheus-native")]
    Protobuf,
}

impl Format {
    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Text(format) => format.content_type(),
            #[cfg(feature = "prometheus-native")]
            Self::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
            }
        }
    }

    /// Protobuf goes only to those that name it and like nothing better.
    pub(super) fn negotiate(accept: Option<&str>) -> Self {
        let weights = Weights::new(accept);
        #[cfg(feature = "prometheus-native")]
        if weights.protobuf > 0.0 && weights.protobuf >= weights.open_metrics.max(weights.classic) {
            return Self::Protobuf;
        }
        Self::Text(weights.text())
    }
}

/// How much a scraper likes each format, from 0 to 1.
#[derive(Default)]
struct Weights {
    open_metrics: f32,
    classic: f32,
    #[cfg(feature = "prometheus-native")]
    protobuf: f32,
}

impl Weights {
    fn new(accept: Option<&str>) -> Self {
        let mut weights = Self::default();
        for range in unquoted(accept.unwrap_or_default(), ',') {
            let mut parts = unquoted(range, ';').map(str::trim);
            let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
            let parameters: Vec<(String, String)> = parts.filter_map(parameter_of).collect();
            let parameter = |name| parameters.iter().find(|(known, _)| known == name).map(|(_, value)| &**value);
            let weight: f32 = parameter("q").map_or(1.0, |q| q.parse().unwrap_or(0.0));
            let format = match &*media_type {
                "application/openmetrics-text" if is_served(parameter("version")) => &mut weights.open_metrics,
                "text/plain" | "text/*" | "*/*" => &mut weights.classic,
                #[cfg(feature = "prometheus-native")]
                "application/vnd.google.protobuf"
                    if parameter("proto") == Some("io.prometheus.client.MetricFamily")
                        && parameter("encoding") == Some("delimited") =>
                {
                    &mut weights.protobuf
                }
                _ => continue,
            };
            *format = weight.max(*format);
        }
        weights
    }

    fn text(&self) -> TextFormat {
        match self.open_metrics > 0.0 && self.open_metrics >= self.classic {
            true => TextFormat::OpenMetrics,
            false => TextFormat::Classic,
        }
    }
}

/// What is between separators that are not in quotes.
fn unquoted(list: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    list.split(move |c| {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ => {}
        }
        c == separator && !is_quoted
    })
}

/// The name, in lower case, and the value of a parameter, which may be in quotes.
fn parameter_of(text: &str) -> Option<(String, String)> {
    let (name, value) = text.split_once('=')?;
    let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
    let Some(quoted) = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) else {
        return Some((name, value.to_owned()));
    };
    let mut plain = String::new();
    let mut characters = quoted.chars();
    while let Some(c) = characters.next() {
        plain.extend(if c == '\\' { characters.next() } else { Some(c) });
    }
    Some((name, plain))
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
        check("application/openmetrics-text; version=\"1.0.0\"; charset=\"utf-8\"", TextFormat::OpenMetrics);
        check("application/openmetrics-text;version=\"1.0.\\0\"", TextFormat::OpenMetrics);
        check("application/openmetrics-text;version=\"2.0.0\"", TextFormat::Classic);
        check("application/openmetrics-text;x=\"a,text/plain;b\";Version=\"1.0.0\";Q=\"0.5\",text/plain;q=0.4", {
            TextFormat::OpenMetrics
        });
        check("application/openmetrics-text;version=\"1.0.0", TextFormat::Classic);
        check("application/openmetrics-text;version = 1.0.0", TextFormat::OpenMetrics);
        check("application/openmetrics-text;q=NaN", TextFormat::Classic);
        check("application/openmetrics-text;q=1e9,text/plain;q=1", TextFormat::OpenMetrics);
        // What Prometheus 2.42 sends.
        let prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                          text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        check(prometheus, TextFormat::OpenMetrics);
    }

    #[cfg(feature = "prometheus-native")]
    #[test]
    fn protobuf_is_for_those_that_ask_for_it() {
        let text = Format::Text(TextFormat::Classic);
        let check = |accept: &str, expect| assert_eq!(Format::negotiate(Some(accept)), expect, "{accept}");
        // What Prometheus 2.42 sends when it is told to take native histograms.
        let prometheus = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,\
                          application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;\
                          q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        check(prometheus, Format::Protobuf);
        check("*/*", text);
        check("application/vnd.google.protobuf", text);
        check("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text", text);
        check("application/vnd.google.protobuf;proto=other;encoding=delimited", text);
        let delimited = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
        check(&format!("{delimited};q=0.4,text/plain;q=0.5"), text);
        check(&format!("{delimited};q=0"), text);
        let open_metrics = Format::Text(TextFormat::OpenMetrics);
        check(&format!("{delimited};q=0.3,application/openmetrics-text;q=0.4"), open_metrics);
    }
}
