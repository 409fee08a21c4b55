use super::*;
use crate::model::Objective;

static PLAIN: Callsite = Callsite::new("f", || "shop::f::item", "shop", "src/lib.rs", 1);
static PROMISING: Callsite =
    Callsite::new("g", || "shop::g::item", "shop", "src/lib.rs", 2).with_objective(Objective::new().success(99.0));

fn json(callsite: &'static Callsite) -> Value {
    serde_json::from_str(&Dashboard::of("Shop & Co", [callsite]).to_json()).unwrap()
}

fn titles(dashboard: &Value) -> Vec<&str> {
    dashboard["panels"].as_array().unwrap().iter().map(|panel| panel["title"].as_str().unwrap()).collect()
}

#[test]
fn objectives_are_drawn_if_there_are_any() {
    let calls = ["Calls", "Calls", "Error ratio", "Outcomes", "p50", "p95", "p99", "Time spent", "In flight", "Lost"];
    assert_eq!(titles(&json(&PLAIN)), calls);
    let objectives = ["Objectives", "Error budget left", "Error budget", "Burn rate", "Alerts"];
    assert_eq!(titles(&json(&PROMISING)), [&objectives[..], &calls].concat());
}

/// The cells of the grid that a panel covers.
fn cells(panel: &Value) -> Vec<(usize, usize)> {
    let [x, y, w, h] =
        ["x", "y", "w", "h"].map(|key| usize::try_from(panel["gridPos"][key].as_u64().unwrap()).unwrap());
    assert!(x + w <= COLUMNS, "{panel}");
    (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))).collect()
}

#[test]
fn every_panel_has_a_place_and_a_number_of_its_own() {
    let dashboard = json(&PROMISING);
    let panels = dashboard["panels"].as_array().unwrap();
    let mut covered: Vec<_> = panels.iter().flat_map(cells).collect();
    let all = covered.len();
    covered.sort_unstable();
    covered.dedup();
    assert_eq!(covered.len(), all, "panels overlap");
    assert_eq!(all % COLUMNS, 0, "a line has a gap");
    let ids: Vec<_> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, (1..=15).collect::<Vec<_>>());
}

#[test]
fn the_data_source_is_chosen_where_it_is_imported() {
    let dashboard = json(&PROMISING);
    let of = |panel: &Value| panel["datasource"] == datasource();
    let panels = dashboard["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row");
    assert_eq!(panels.clone().count(), 13);
    for panel in panels {
        assert!(of(panel) && panel["targets"].as_array().unwrap().iter().all(of), "{panel}");
    }
    assert_eq!(dashboard["templating"]["list"][0]["type"], "datasource");
}

#[test]
fn the_same_title_is_the_same_dashboard() {
    assert_eq!(json(&PLAIN)["uid"], "prof-shop---co");
    assert_eq!(Dashboard::new("x".repeat(50)).uid().len(), 40);
    assert_eq!(Dashboard::new("Größe").uid(), "prof-gr--e");
}
