//! `objective(success = 99.9, latency = "250ms", percentile = 99)`: what is promised of a function's calls.

use proc_macro2::{Delimiter, Group, Ident, Literal, Span, TokenStream};
use quote::quote_spanned;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Error, Lit, LitStr, Token};

use crate::duration;
use crate::keys::{allowed, combine, skip_value, unknown};

/// Every key, in the order in which messages list them.
const KEYS: [&str; 4] = ["success", "latency", "percentile", "none"];

/// The longest latency, in nanoseconds: an hour, up to which durations are counted exactly enough.
const LONGEST_NS: u64 = 3_600_000_000_000;

/// Whoever promises nothing takes back what a block has promised.
#[derive(Clone, Copy, Default, PartialEq, Debug)]
pub(crate) struct Objective {
    /// In percent of all calls.
    success: Option<f64>,
    /// In nanoseconds.
    latency: Option<u64>,
    /// In percent of all calls; there is one if and only if there is a latency.
    percentile: Option<f64>,
}

impl Objective {
    /// Parses the parentheses that follow `key`.
    pub(crate) fn parse(key: &Ident, input: ParseStream<'_>) -> syn::Result<Self> {
        let group = input.parse::<Group>().ok().filter(|group| group.delimiter() == Delimiter::Parenthesis);
        let Some(group) = group else {
            let example = "objective(success = 99.9, latency = \"250ms\", percentile = 99)";
            return Err(Error::new(key.span(), format!("`objective` needs parentheses: `{example}`")));
        };
        (|input: ParseStream<'_>| parse(key, input)).parse2(group.stream())
    }

    /// The call that gives the objective to a call site, if it promises anything.
    pub(crate) fn with(self, private: &TokenStream) -> Option<TokenStream> {
        let span = Span::mixed_site();
        let success = self.success.map(|percent| {
            let percent = Literal::f64_unsuffixed(percent);
            quote_spanned!(span=> .success(#percent))
        });
        let latency = self.latency.zip(self.percentile).map(|(ns, percent)| {
            let percent = Literal::f64_unsuffixed(percent);
            quote_spanned!(span=> .latency(::core::time::Duration::from_nanos(#ns), #percent))
        });
        let is_empty = success.is_none() && latency.is_none();
        (!is_empty).then(|| quote_spanned!(span=> .with_objective(#private::Objective::new()#success #latency)))
    }
}

fn parse(objective: &Ident, input: ParseStream<'_>) -> syn::Result<Objective> {
    let mut parsed = Objective::default();
    let mut seen: Vec<Ident> = Vec::new();
    let mut errors: Option<Error> = None;
    while !input.is_empty() {
        let span = input.span();
        let Ok(key) = input.call(Ident::parse_any) else {
            combine(&mut errors, Error::new(span, format!("expected one of {}", allowed(&KEYS))));
            // What follows cannot be told apart any more.
            input.parse::<TokenStream>()?;
            break;
        };
        let result = if seen.contains(&key) {
            Err(Error::new(key.span(), format!("`{key}` is given twice")))
        } else {
            parse_value(&key, input, &mut parsed)
        };
        seen.push(key);
        if let Err(error) = result {
            combine(&mut errors, error);
            skip_value(input)?;
        }
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
        }
    }
    match errors.or_else(|| incomplete(objective, &seen)) {
        Some(errors) => Err(errors),
        None => Ok(parsed),
    }
}

/// Parses what follows `key` into its place.
fn parse_value(key: &Ident, input: ParseStream<'_>, objective: &mut Objective) -> syn::Result<()> {
    let name = key.to_string();
    if name == "none" {
        return Ok(());
    }
    if !KEYS.contains(&name.as_str()) {
        return Err(unknown(key, &KEYS));
    }
    if input.parse::<Token![=]>().is_err() || input.is_empty() {
        return Err(Error::new(key.span(), format!("`{name}` needs a value: `{name} = …`")));
    }
    match name.as_str() {
        "success" => objective.success = Some(parse_percent(key, input)?),
        "latency" => objective.latency = Some(parse_latency(input)?),
        _ => objective.percentile = Some(parse_percent(key, input)?),
    }
    Ok(())
}

fn parse_percent(key: &Ident, input: ParseStream<'_>) -> syn::Result<f64> {
    let span = input.span();
    let number = match input.parse() {
        Ok(Lit::Float(number)) if number.suffix().is_empty() => number.base10_parse::<f64>().ok(),
        Ok(Lit::Int(number)) if number.suffix().is_empty() => number.base10_parse::<f64>().ok(),
        _ => None,
    };
    let Some(percent) = number.filter(|percent| *percent > 0.0 && *percent < 100.0) else {
        let message = format!("`{key}` must be a percentage above 0 and below 100, such as `99.9`");
        return Err(Error::new(span, message));
    };
    // The runtime keeps billionths; what is finer than that would silently be another promise.
    let billionths = percent * 1e7;
    if (billionths - billionths.round()).abs() > 1e-4 {
        return Err(Error::new(span, format!("`{key}` must have at most seven digits after the point")));
    }
    Ok(percent)
}

fn parse_latency(input: ParseStream<'_>) -> syn::Result<u64> {
    let span = input.span();
    let text: LitStr =
        input.parse().map_err(|_| Error::new(span, "`latency` must be a duration in quotes, such as `\"250ms\"`"))?;
    let ns = duration::parse(&text)?;
    if ns == 0 || ns > LONGEST_NS {
        return Err(Error::new(span, "`latency` must be above 0 and at most an hour"));
    }
    Ok(ns)
}

/// What is missing, or too much, though each part is right by itself.
fn incomplete(objective: &Ident, seen: &[Ident]) -> Option<Error> {
    let find = |name: &str| seen.iter().find(|key| *key == name);
    let (key, message) = match (find("none"), find("latency"), find("percentile")) {
        (Some(none), ..) if seen.len() > 1 => (none, "`none` stands alone: it promises nothing"),
        (_, Some(latency), None) => (latency, "`latency` needs `percentile`: the percentage of calls that keep to it"),
        (_, None, Some(percentile)) => (percentile, "`percentile` needs `latency`: how long these calls may take"),
        _ if seen.is_empty() => (objective, "an objective promises `success`, or `latency` and `percentile`, or all"),
        _ => return None,
    };
    Some(Error::new(key.span(), message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::quote;

    fn parsed(tokens: TokenStream) -> syn::Result<Objective> {
        let parser = |input: ParseStream<'_>| {
            let key = input.call(Ident::parse_any)?;
            Objective::parse(&key, input)
        };
        parser.parse2(tokens)
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
        let errors: Vec<_> = parsed(tokens).unwrap_err().into_iter().map(|error| error.to_string()).collect();
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
