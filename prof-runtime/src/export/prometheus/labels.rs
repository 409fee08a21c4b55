//! Labels that describe the program, and the families that have them.

use std::fmt;

use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;

/// A family with one sample, the value 1, whose labels say something: its name and its help.
pub(super) type Info = (&'static str, &'static str);

pub(super) const BUILD: Info =
    ("prof_build_info", "The version of the profiler, and what the program says of its build.");
pub(super) const TARGET: Info = ("target_info", "The attributes of the program.");

pub(super) fn info(
    encoder: &mut DescriptorEncoder<'_>,
    (name, help): Info,
    labels: &[(String, String)],
) -> fmt::Result {
    let mut info = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    let labels: Vec<(&str, &str)> = labels.iter().map(|(name, value)| (&**name, &**value)).collect();
    info.encode_family(&labels)?.encode_gauge(&1_u64)
}

/// Returns whether Prometheus allows `name` as the name of a label.
pub(crate) fn is_name(name: &str) -> bool {
    name.chars().all(is_letter) && name.starts_with(|first: char| !first.is_ascii_digit())
}

/// Says that a name is refused.
pub(crate) fn refusal(name: &str) -> String {
    format!(
        "{name:?} is not the name of a label: letters, digits and underscores are allowed, and no digit comes first"
    )
}

/// Adds a label for an attribute.
pub(super) fn add(labels: &mut Vec<(String, String)>, key: &str, value: String) {
    let mut name: String = key.chars().map(|letter| if is_letter(letter) { letter } else { '_' }).collect();
    if !is_name(&name) {
        name.insert(0, '_');
    }
    match labels.iter_mut().find(|(known, _)| *known == name) {
        Some((_, values)) => *values = format!("{values};{value}"),
        None => labels.push((name, value)),
    }
}

fn is_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attribute_becomes_a_label_that_is_allowed() {
        let mut labels = Vec::new();
        for (key, value) in
            [("service.name", "shop"), ("service-name", "till"), ("1st", "x"), ("", "y"), ("\u{e9}", "z")]
        {
            add(&mut labels, key, value.to_owned());
        }
        let labels: Vec<(&str, &str)> = labels.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(labels, [("service_name", "shop;till"), ("_1st", "x"), ("_", "y;z")]);
        assert!(labels.iter().all(|(name, _)| is_name(name)));
    }
}
