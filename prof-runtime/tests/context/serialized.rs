//! The record as JSON.

use std::collections::BTreeMap;

use prof_runtime::{ContextError, ContextRecord, MetricsContext, TopN};
use serde_json::{Value, json};

use super::{Records, recorded_context};

fn json_of(records: &Records) -> Value {
    let record: ContextRecord = records.take_one();
    let mut json: Value = serde_json::from_str(&serde_json::to_string(&record).unwrap()).unwrap();
    let fields = json.as_object_mut().unwrap();
    assert_eq!(fields.remove("start_ns"), Some(json!(record.start_ns)));
    assert_eq!(fields.remove("end_ns"), Some(json!(record.end_ns)));
    json
}

fn set_all_kinds(ctx: &MetricsContext) -> Result<(), ContextError> {
    ctx.set("int", -7)?;
    ctx.set("float", 0.5)?;
    ctx.set("bool", true)?;
    ctx.set("text", "a \"b\"")?;
    ctx.add_to_set("set", "b")?;
    ctx.add_to_set("set", 2)?;
    ctx.set_key_value("map", "k", BTreeMap::from([("nested", 1)]))?;
    ctx.set("top", TopN::<&str, i32>::new(2))?;
    ctx.add_top_n("top", "low", 1)?;
    ctx.add_top_n("top", "high", 2.5)
}

#[test]
fn every_kind_is_what_one_expects_of_json() {
    let (context, records) = recorded_context();
    context.run(set_all_kinds).unwrap();
    let expected = json!({
        "metrics": {
            "int": -7,
            "float": 0.5,
            "bool": true,
            "text": "a \"b\"",
            "set": [2, "b"],
            "map": {"k": {"nested": 1}},
            "top": [["high", 2.5], ["low", 1]],
        },
        "error": null,
    });
    assert_eq!(json_of(&records), expected);
}

#[test]
fn the_error_says_its_kind() {
    let (context, records) = recorded_context();
    context.run(|_| Err::<(), _>("refused")).unwrap_err();
    let expected = json!({"kind": "error", "type_name": "&str", "message": "refused"});
    assert_eq!(json_of(&records)["error"], expected);

    std::panic::catch_unwind(|| context.run(|_| -> () { std::panic::panic_any("broken") })).unwrap_err();
    assert_eq!(json_of(&records)["error"], json!({"kind": "panic", "message": "broken"}));
}
