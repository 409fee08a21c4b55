use super::*;
use crate::aggregate::Aggregator;
use crate::export::prometheus::{PrometheusCollector, TextFormat};
use crate::model::Objective;
use crate::site::registry;

const fn site(name: &'static str, objective: Objective) -> Callsite {
    Callsite::new("function", || "shop::function::item", "shop", "src/shop.rs", 12)
        .with_name(name)
        .with_group("store")
        .with_objective(objective)
}

static LOAD: Callsite = site("load", Objective::new().success(99.9).latency(Duration::from_millis(250), 99.0));

/// The file without its head, which names the version.
fn yaml(rules: &Rules) -> String {
    rules.to_yaml().strip_prefix(HEAD).unwrap().to_owned()
}

/// `GOLDEN=overwrite cargo test -p prof-runtime --features rules rules` writes the file anew.
#[test]
fn all_rules_of_one_function() {
    let now = yaml(&Rules::of([&LOAD]));
    if std::env::var_os("GOLDEN").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/export/prometheus/rules/golden.yml");
        return std::fs::write(path, now).unwrap();
    }
    assert_eq!(now, include_str!("golden.yml"), "golden.yml differs: see the comment of this test");
}

#[test]
fn nothing_is_promised() {
    static QUIET: Callsite = site("quiet", Objective::new());
    let rules = Rules::of([&QUIET]);
    assert!(rules.is_empty() && !Rules::of([&QUIET, &LOAD]).is_empty());
    assert_eq!(yaml(&rules), "groups: []\n");
}

/// The lines that compare with a limit.
#[track_caller]
fn check_limits(callsite: &'static Callsite, expect: &[&str]) {
    let yaml = yaml(&Rules::of([callsite]));
    let limits: Vec<_> = yaml.lines().filter_map(|line| line.split_once("} > ")).map(|(_, limit)| limit).collect();
    assert_eq!(limits, expect.iter().flat_map(|limit| [*limit; 2]).collect::<Vec<_>>());
}

#[test]
fn a_budget_that_cannot_burn_so_fast_is_not_watched_for_it() {
    static USUAL: Callsite = site("usual", Objective::new().success(99.95));
    static LARGE: Callsite = site("large", Objective::new().success(90.0));
    static HUGE: Callsite = site("huge", Objective::new().latency(Duration::from_secs(1), 50.0));
    check_limits(&USUAL, &["14.4 * 0.0005", "6 * 0.0005", "3 * 0.0005", "1 * 0.0005"]);
    check_limits(&LARGE, &["6 * 0.1", "3 * 0.1", "1 * 0.1"]);
    check_limits(&HUGE, &["1 * 0.5"]);
    assert!(!Rules::of([&HUGE]).to_yaml().contains("severity: page"));
}

/// The names of the groups of rules.
fn groups(rules: &Rules) -> Vec<String> {
    rules.to_yaml().lines().filter_map(|line| line.strip_prefix("- name: ")).map(str::to_owned).collect()
}

#[test]
fn functions_that_share_their_metrics_are_watched_for_the_objective_of_each() {
    static AGAIN: Callsite = site("load", Objective::new().success(99.9));
    static STRICTER: Callsite = site("load", Objective::new().success(99.99));
    let expect =
        ["\"load (store): 99.9% succeed\"", "\"load (store): 99.99% succeed\"", "\"load (store): 99% within 250ms\""];
    assert_eq!(groups(&Rules::of([&STRICTER, &AGAIN, &LOAD, &LOAD])), expect);
}

#[test]
fn names_are_text_wherever_they_stand() {
    static ODD: Callsite = site("say \"hi\"\\\n{{ . }}", Objective::new().success(99.0));
    let yaml = yaml(&Rules::of([&ODD]));
    assert!(yaml.contains(r#"function="say \"hi\"\\\n{{ . }}",outcome!="cancelled"}[5m]"#), "{yaml}");
    // A template would be taken for one.
    assert!(yaml.lines().all(|line| !line.contains("summary: ") || !line.contains("{{ . }}")), "{yaml}");
}

#[test]
fn other_labels_and_periods() {
    let yaml = yaml(&Rules::of([&LOAD]).by("env").by("job").period(Duration::from_secs(12 * 3600)));
    assert!(yaml.contains("sum by (job, env, group, function) (rate(prof_calls_total{"), "{yaml}");
    for part in ["function:prof_misses:ratio_rate5s", "[1h12m]", "[12h]", "The error budget of 12h is used up"] {
        assert!(yaml.contains(part), "{part} is not in\n{yaml}");
    }
    assert!(!yaml.contains("5m"), "{yaml}");
}

#[test]
#[should_panic(expected = "a period of 3599s has windows too short for any scrape")]
fn a_period_has_windows() {
    let _ = Rules::of([]).period(Duration::from_secs(3599));
}

const fn within(name: &'static str, latency: Duration) -> Callsite {
    site(name, Objective::new().latency(latency, 99.0)).with_group("served")
}

#[test]
fn the_bucket_of_a_rule_is_one_that_is_served() {
    // Some of them have a bound that Prometheus 3 writes in another way, and some are beyond what other functions have.
    static SERVED: [Callsite; 6] = [
        within("90ns", Duration::from_nanos(90)),
        within("1us", Duration::from_micros(1)),
        within("33us", Duration::from_micros(33)),
        within("500us", Duration::from_micros(500)),
        within("1s", Duration::from_secs(1)),
        within("1h", Duration::from_secs(3600)),
    ];
    SERVED.iter().for_each(registry::list);
    for format in [TextFormat::Classic, TextFormat::OpenMetrics] {
        let text = PrometheusCollector::new(Aggregator::new()).encode(format);
        for callsite in &SERVED {
            let yaml = Rules::of([callsite]).to_yaml();
            let (_, rest) = yaml.split_once(",le=").unwrap();
            // Either `"0.5"`, or `~"0[.]00005|5e-05"`, of which the first is what is served.
            let bound = rest.trim_start_matches(['~', '"']).split(['|', '"']).next().unwrap().replace("[.]", ".");
            let labels = format!("{{le=\"{bound}\",function=\"{}\",group=\"served\"}}", callsite.name());
            assert!(text.contains(&labels), "{labels} is not in\n{text}");
        }
    }
}
