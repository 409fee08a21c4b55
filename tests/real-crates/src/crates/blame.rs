//! Which functions do not compile, from what the compiler says.

use std::collections::BTreeSet;

use super::annotate::Site;
use super::build::Place;

/// The annotated items that errors are in: for each error, the innermost one around the first place that is in any.
///
/// Calls count as errors of the caller, if the compiler points there; so the number is exact only where errors do not
/// follow from one another.
pub(crate) fn sites<'a>(errors: impl Iterator<Item = &'a Vec<Place>>, annotated: &[Site]) -> BTreeSet<Site> {
    let around = |place: &Place| {
        let holds = |site: &&Site| site.file == place.file && (site.start.line..=site.last_line).contains(&place.line);
        annotated.iter().filter(holds).max_by_key(|site| site.start)
    };
    errors.filter_map(|places| places.iter().find_map(around)).cloned().collect()
}
