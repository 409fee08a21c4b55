//! `objective(success = 99.9, latency = "250ms", percentile = 99)`: the service level objective of a function.

use super::input::Input;
use super::literal::{decimal, text};
use super::mistake::{Mistakes, Result};
use super::{duration, keys};
use crate::tokens::Ident;

/// Every key, in the order in which messages list them.
const KEYS: [&str; 4] = ["success", "latency", "percentile", "none"];

/// The longest latency, in nanoseconds: an hour, up to which histograms keep their precision.
const LONGEST_NS: u64 = 3_600_000_000_000;

/// A service level objective. The default promises nothing: it takes back the objective of a block.
#[derive(Clone, Copy, Default, PartialEq, Debug)]
pub(crate) struct Objective {
    /// In percent of all calls.
    pub(crate) success: Option<f64>,
    /// In nanoseconds.
    pub(crate) latency: Option<u64>,
    /// In percent of all calls; present if and only if there is a latency.
    pub(crate) percentile: Option<f64>,
}

impl Objective {
    /// Reads the parentheses that follow `objective`, the key.
    pub(crate) fn parse(objective: &Ident, input: &mut Input) -> Result<Self> {
        let Some(group) = input.parentheses() else {
            let example = "objective(success = 99.9, latency = \"250ms\", percentile = 99)";
            return Err(Mistakes::new(objective.span(), format!("`objective` needs parentheses: `{example}`")));
        };
        let mut parsed = Self::default();
        let mut mistakes = Mistakes::default();
        let seen =
            keys::read(&mut Input::new(group.stream()), &KEYS, &mut mistakes, |key, input| parsed.read(key, input));
        if mistakes.is_empty() {
            mistakes.collect(check_completeness(objective, &seen));
        }
        if mistakes.is_empty() { Ok(parsed) } else { Err(mistakes) }
    }

    /// Reads what follows `key` into its field.
    fn read(&mut self, key: &Ident, input: &mut Input) -> Result<()> {
        let name = key.to_string();
        if name == "none" {
            return Ok(());
        }
        input.equals(key)?;
        match name.as_str() {
            "success" => self.success = Some(parse_percent(key, input)?),
            "latency" => self.latency = Some(parse_latency(input)?),
            _ => self.percentile = Some(parse_percent(key, input)?),
        }
        Ok(())
    }
}

fn parse_percent(key: &Ident, input: &mut Input) -> Result<f64> {
    let span = input.span();
    let number = input.literal().as_ref().and_then(decimal);
    let Some(percent) = number.filter(|percent| *percent > 0.0 && *percent < 100.0) else {
        let message = format!("`{key}` must be a percentage above 0 and below 100, such as `99.9`");
        return Err(Mistakes::new(span, message));
    };
    // The runtime keeps billionths of the whole. It would round a finer promise to another one.
    let billionths = percent * 1e7;
    if (billionths - billionths.round()).abs() > 1e-4 {
        return Err(Mistakes::new(span, format!("`{key}` must have at most seven digits after the point")));
    }
    Ok(percent)
}

fn parse_latency(input: &mut Input) -> Result<u64> {
    let span = input.span();
    let Some(text) = input.literal().as_ref().and_then(text) else {
        return Err(Mistakes::new(span, "`latency` must be a duration in quotes, such as `\"250ms\"`"));
    };
    let ns = duration::parse(&text, span)?;
    if ns == 0 || ns > LONGEST_NS {
        return Err(Mistakes::new(span, "`latency` must be above 0 and at most an hour"));
    }
    Ok(ns)
}

/// Checks that the keys go together, though each value is right by itself.
fn check_completeness(objective: &Ident, seen: &[Ident]) -> Result<()> {
    let find = |name: &str| keys::is_given(seen, name);
    let (key, message) = match (find("none"), find("latency"), find("percentile")) {
        (Some(none), ..) if seen.len() > 1 => (none, "`none` stands alone: it promises nothing"),
        (_, Some(latency), None) => (latency, "`latency` needs `percentile`: the percentage of calls that keep to it"),
        (_, None, Some(percentile)) => (percentile, "`percentile` needs `latency`: how long these calls may take"),
        _ if seen.is_empty() => (objective, "an objective promises `success`, or `latency` and `percentile`, or all"),
        _ => return Ok(()),
    };
    Err(Mistakes::new(key.span(), message))
}

#[cfg(all(test, feature = "enabled"))]
mod tests {
    use super::*;
    use crate::tokens::TokenStream;
    use quote::quote;

    fn parsed(tokens: TokenStream) -> Result<Objective> {
        let mut input = Input::new(tokens);
        let key = input.word().unwrap();
        Objective::parse(&key, &mut input)
    }

    #[track_caller]
    fn check(tokens: TokenStream, expect: (Option<f64>, Option<u64>, Option<f64>)) {
        let (success, latency, percentile) = expect;
        assert_eq!(parsed(tokens).unwrap(), Objective { success, latency, percentile });
    }

    #[test]
    fn what_is_allowed_is_accepted() {
        check(quote!(objective(success = 99.9)), (Some(99.9), None, None));
        check(quote!(objective(latency = "1.5s", percentile = 99,)), (None, Some(1_500_000_000), Some(99.0)));
        check(
            quote!(objective(success = 99.999_999_9, percentile = 50.0, latency = "500us")),
            (Some(99.999_999_9), Some(500_000), Some(50.0)),
        );
        check(quote!(objective(success = 0.0000001)), (Some(1e-7), None, None));
        check(quote!(objective(latency = "1h", percentile = 90)), (None, Some(LONGEST_NS), Some(90.0)));
        check(quote!(objective(none)), (None, None, None));
    }

    #[track_caller]
    fn check_errors(tokens: TokenStream, expect: &[&str]) {
        let errors: Vec<_> = parsed(tokens).unwrap_err().into_iter().map(|mistake| mistake.message).collect();
        assert_eq!(errors, expect);
    }

    #[test]
    fn each_mistake_is_one_error() {
        let all = "expected one of `success`, `latency`, `percentile`, `none`";
        let parentheses = "`objective` needs parentheses: \
                           `objective(success = 99.9, latency = \"250ms\", percentile = 99)`";
        check_errors(quote!(objective), &[parentheses]);
        check_errors(quote!(objective[success = 99]), &[parentheses]);
        let empty = "an objective promises `success`, or `latency` and `percentile`, or all";
        check_errors(quote!(objective()), &[empty]);
        check_errors(quote!(objective(99.9)), &[all]);
        let near = format!("unknown argument `sucess`: did you mean `success`? {all}");
        check_errors(quote!(objective(sucess = 99.9)), &[&near]);
        check_errors(quote!(objective(success = 99, success = 99.9)), &["`success` is given twice"]);
        check_errors(quote!(objective(success)), &["`success` needs a value: `success = …`"]);
        check_errors(quote!(objective(success =)), &["`success` needs a value: `success = …`"]);
        check_errors(quote!(objective(none, success = 99)), &["`none` stands alone: it promises nothing"]);
    }

    #[test]
    fn values_are_checked() {
        let percentage = |key: &str| format!("`{key}` must be a percentage above 0 and below 100, such as `99.9`");
        for wrong in [quote!(0), quote!(100), quote!(100.0), quote!(-5), quote!("99"), quote!(99.9f32), quote!(LIMIT)] {
            check_errors(quote!(objective(success = #wrong)), &[&percentage("success")]);
            check_errors(quote!(objective(latency = "1s", percentile = #wrong)), &[&percentage("percentile")]);
        }
        let digits = "`success` must have at most seven digits after the point";
        check_errors(quote!(objective(success = 99.999_999_99)), &[digits]);
        check_errors(quote!(objective(success = 0.000_000_01)), &[digits]);
        let range = "`latency` must be above 0 and at most an hour";
        check_errors(quote!(objective(latency = "0ms", percentile = 99)), &[range]);
        check_errors(quote!(objective(latency = "61m", percentile = 99)), &[range]);
        let text = "`latency` must be a duration in quotes, such as `\"250ms\"`";
        check_errors(quote!(objective(latency = 250, percentile = 99)), &[text]);
        let number = "`soon` is not a duration: expected a number and a unit, such as `250ms`, `1.5s` or `2m`";
        check_errors(quote!(objective(latency = "soon", percentile = 99)), &[number]);
    }

    #[test]
    fn latency_and_percentile_belong_together() {
        let latency = "`latency` needs `percentile`: the percentage of calls that keep to it";
        check_errors(quote!(objective(success = 99, latency = "1s")), &[latency]);
        let percentile = "`percentile` needs `latency`: how long these calls may take";
        check_errors(quote!(objective(percentile = 99)), &[percentile]);
    }

    #[test]
    fn all_mistakes_are_shown_at_once() {
        let errors = parsed(quote!(objective(sucess = 99, latency = 5, percentile = 100))).unwrap_err();
        assert_eq!(errors.into_iter().count(), 3);
    }
}
