//! docs/prometheus.md, as far as it can be checked without Prometheus: `tests/servers/prove.py` has a real one load the
//! configuration and answer the queries.

use std::collections::{BTreeMap, BTreeSet};

use super::features;
use super::page::Page;
use super::service::{Line, REQUESTS};

fn page() -> Page {
    let page = Page::read("docs/prometheus.md");
    page.check_languages(&["toml", "sh", "yaml"]);
    page
}

/// What is served: the samples' labels with their values, by the samples' names.
#[derive(Default)]
struct Served {
    /// Every name in a `# TYPE`, and every name of a sample.
    names: BTreeSet<String>,
    labels: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
}

impl Served {
    fn new(text: &str) -> Self {
        let mut served = Self::default();
        for line in text.lines() {
            if let Some(family) = line.strip_prefix("# TYPE ") {
                served.names.insert(family.split(' ').next().unwrap_or_default().to_owned());
            } else if let Some((name, rest)) = line.split_once('{') {
                served.names.insert(name.to_owned());
                // A native histogram is one sample, with the name and labels of the family.
                for name in [Some(name), name.strip_suffix("_count")].into_iter().flatten() {
                    let labels = served.labels.entry(name.to_owned()).or_default();
                    for (label, value) in matchers(&rest[..rest.rfind('}').unwrap()]) {
                        labels.entry(label).or_default().insert(value);
                    }
                }
            }
        }
        served
    }

    fn has_label(&self, metric: &str, label: &str) -> bool {
        self.labels.get(metric).is_some_and(|labels| labels.contains_key(label))
    }
}

/// The `name="value"` and `name=~"value"` of what stands between braces. No value here has a quote in it.
fn matchers(braces: &str) -> Vec<(String, String)> {
    let words: Vec<&str> = braces.split('"').collect();
    let name = |word: &str| word.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '_').to_owned();
    words.chunks_exact(2).map(|pair| (name(pair[0]), pair[1].to_owned())).collect()
}

/// Names and single characters of a query, in their order; what is between quotes or brackets is left out.
fn tokens(query: &str) -> Vec<String> {
    let (mut tokens, mut skips_to) = (Vec::<String>::new(), None);
    let mut is_name = false;
    for c in query.chars() {
        match skips_to {
            Some(end) => {
                if c == end {
                    skips_to = None;
                }
                is_name = false;
            }
            None if c == '"' || c == '[' => skips_to = Some(if c == '[' { ']' } else { c }),
            None if c.is_ascii_alphanumeric() || c == '_' || c == '.' => {
                match tokens.last_mut().filter(|_| is_name) {
                    Some(name) => name.push(c),
                    None => tokens.push(c.to_string()),
                }
                is_name = true;
            }
            None => {
                is_name = false;
                if !c.is_whitespace() {
                    tokens.push(c.to_string());
                }
            }
        }
    }
    tokens
}

/// What is wrong with a query, if it is about something that is not served.
fn fault(query: &str, served: &Served) -> Option<String> {
    let mut metrics = BTreeSet::new();
    let mut labels = BTreeSet::new();
    let tokens = tokens(query);
    let (mut is_grouping, mut is_matching) = (false, false);
    for (at, token) in tokens.iter().enumerate() {
        let next = tokens.get(at + 1).map_or("", String::as_str);
        match &**token {
            "by" | "without" => is_grouping = true,
            "{" => is_matching = true,
            "}" => is_matching = false,
            ")" => is_grouping = false,
            name if name.starts_with(|c: char| c.is_ascii_alphabetic()) => {
                if is_grouping {
                    labels.insert(name.to_owned());
                } else if !is_matching && served.names.contains(name) {
                    metrics.insert(name.to_owned());
                } else if !is_matching && next != "(" && next != "by" && next != "without" {
                    return Some(format!("{name} is not served"));
                }
            }
            _ => {}
        }
    }
    if metrics.is_empty() {
        return Some("it is about no metric".to_owned());
    }
    for metric in &metrics {
        let unknown = labels.iter().find(|label| !served.has_label(metric, label));
        if let Some(label) = unknown {
            return Some(format!("{metric} has no label {label}"));
        }
        for braces in query.split(&format!("{metric}{{")).skip(1) {
            for (label, values) in matchers(braces.split('}').next().unwrap_or_default()) {
                let known = served.labels.get(metric).and_then(|labels| labels.get(&label));
                let is_known = |value: &str| known.is_some_and(|known| known.contains(value));
                if !values.split('|').all(is_known) {
                    return Some(format!("{metric} has no {label} {values}"));
                }
            }
        }
    }
    None
}

#[test]
fn the_feature_is_there() {
    assert_eq!(features::check(&page()), "prometheus");
}

#[test]
fn the_queries_ask_for_what_the_line_serves() {
    let page = page();
    let [line] = <[Line; 1]>::try_from(Line::all(&page)).unwrap();
    let port = line.variable("PROF").strip_prefix("prometheus:").unwrap().to_owned();
    let address = format!("127.0.0.1:{port}");
    assert!(line.comment.starts_with(&address), "the page says where it listens: {}", line.comment);
    assert!(page.block("yaml").contains(&format!("targets: [\"{address}\"]")), "Prometheus scrapes what listens");

    let dir = tempfile::tempdir().unwrap();
    // The system chooses a port that is free.
    let mut service = line.instead_of(&port, "0").serve(dir.path());
    assert!(service.line().ends_with(" failed"));
    let served_at = service.line();
    let url = served_at.strip_prefix("metrics are at ").expect("it serves");
    assert!(url.starts_with("http://127.0.0.1:") && url.ends_with("/metrics"), "{url}");
    let text = ureq::get(url).call().unwrap().into_body().read_to_string().unwrap();
    service.end();

    let served = Served::new(&text);
    assert!(
        text.contains(&format!("prof_call_duration_seconds_count{{function=\"load\",group=\"store\"}} {REQUESTS}"))
    );
    let rows = page.rows();
    assert!(rows.len() >= 4, "{rows:?}");
    for row in rows {
        let [_, query] = <[String; 2]>::try_from(row).unwrap();
        let query = query.strip_prefix('`').and_then(|query| query.strip_suffix('`')).unwrap();
        assert_eq!(fault(query, &served), None, "{query}");
    }
}

#[test]
fn a_query_for_what_is_not_served_is_found_out() {
    let served = Served::new(
        "# TYPE a_total counter\na_total{x=\"1\"} 0\na_total{x=\"2\"} 0\n# TYPE b_seconds histogram\n\
         b_seconds_bucket{le=\"1.0\",y=\"z\"} 0\nb_seconds_count{y=\"z\"} 0\n# TYPE c_total counter\n",
    );
    let check = |query, expect: Option<&str>| assert_eq!(fault(query, &served).as_deref(), expect, "{query}");
    check("rate(a_total[5m])", None);
    check("sum by (x) (rate(a_total{x=~\"1|2\"}[5m])) / sum without (x) (a_total)", None);
    check("histogram_quantile(0.99, sum by (y, le) (rate(b_seconds_bucket[5m])))", None);
    check("histogram_quantile(0.99, sum by (y) (rate(b_seconds[5m])))", None);
    check("rate(c_total[5m])", None);
    check("rate(d_total[5m])", Some("d_total is not served"));
    check("sum by (y) (rate(a_total[5m]))", Some("a_total has no label y"));
    check("sum by (le) (b_seconds)", Some("b_seconds has no label le"));
    check("a_total{x=\"3\"}", Some("a_total has no x 3"));
    check("a_total{x=~\"1|3\"}", Some("a_total has no x 1|3"));
    check("a_total{z=\"1\"}", Some("a_total has no z 1"));
    check("vector(1)", Some("it is about no metric"));
}
