//! A file of rules, as Prometheus reads it.

use serde::Serialize;
use serde_saphyr::LitString;

#[derive(Serialize)]
pub(super) struct File {
    pub(super) groups: Vec<Group>,
}

/// Rules that are evaluated one after the other, so that a rule may use what those before it have recorded.
#[derive(Serialize)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) rules: Vec<Rule>,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Rule {
    Record {
        record: String,
        expr: LitString,
        labels: Labels,
    },
    Alert {
        alert: &'static str,
        expr: LitString,
        /// How long it has to hold until the alert fires.
        #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
        hold: Option<String>,
        labels: Labels,
        annotations: Annotations,
    },
}

#[derive(Serialize)]
pub(super) struct Labels {
    /// Tells apart what one function promises.
    pub(super) objective: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) severity: Option<&'static str>,
}

#[derive(Serialize)]
pub(super) struct Annotations {
    pub(super) summary: String,
    pub(super) description: String,
}

impl File {
    pub(super) fn to_yaml(&self) -> String {
        let mut yaml = serde_saphyr::to_string(self).expect("lists and maps of text can be written as YAML");
        if !yaml.ends_with('\n') {
            yaml.push('\n');
        }
        yaml
    }
}
