//! The text of matchers, such as `function="load"`.

use std::time::Duration;

use crate::export::prometheus::buckets::{latency_bound_ns, seconds};

/// Between the quotation marks of an expression.
pub(super) fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// A matcher for the bucket that stands for a latency.
pub(super) fn le(threshold: Duration) -> String {
    matcher_of(seconds(latency_bound_ns(threshold)))
}

/// A matcher for the bucket that ends with a bound. Prometheus 2 keeps the bound as the exporter writes it; since 3.0,
/// it writes it anew, as Go does, with an exponent below a ten-thousandth.
fn matcher_of(bound_s: f64) -> String {
    let served = dtoa::Buffer::new().format_finite(bound_s).to_owned();
    let rewritten = if bound_s < 1e-4 {
        let text = format!("{bound_s:e}");
        let (digits, exponent) = text.split_once("e-").unwrap_or((&text, "0"));
        format!("{digits}e-{exponent:0>2}")
    } else {
        format!("{bound_s:?}")
    };
    if served == rewritten {
        return format!("le=\"{served}\"");
    }
    let [served, rewritten] = [served, rewritten].map(|text| text.replace('.', "[.]"));
    format!("le=~\"{served}|{rewritten}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_found_however_it_is_written() {
        let check = |bound_ns, expect| assert_eq!(matcher_of(seconds(bound_ns)), expect);
        check(251_658_240, "le=\"0.25165824\"");
        check(1_073_741_824, "le=\"1.073741824\"");
        check(1_000_000_000, "le=\"1.0\"");
        check(1024, "le=~\"0[.]000001024|1[.]024e-06\"");
        check(128, "le=~\"1[.]28e-7|1[.]28e-07\"");
        check(100_000, "le=\"0.0001\"");
        check(1, "le=~\"1e-9|1e-09\"");
    }
}
