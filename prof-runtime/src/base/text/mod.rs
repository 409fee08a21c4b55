//! How messages show foreign text and secrets.
//!
//! Names that users chose, paths, values of environment variables, parts of `PROF` and whatever a peer sends can hold
//! escape sequences, line breaks and characters that reorder a line. URLs and headers can hold credentials. Errors,
//! reports, log lines and `Debug` show foreign text as [`Foreign`], and credentials as [`Secret`] or [`MaskedUrl`].
//! These types cannot be printed in any other way.

#[cfg(test)]
mod everywhere;

use std::fmt::{self, Write as _};

/// Untrusted text, shown on one line and at a bounded length.
///
/// `Display` escapes control characters (and so escape sequences and line breaks), the separators U+2028 and U+2029,
/// bidirectional controls, and characters that are invisible. It leaves out the middle of a text of more than 256
/// characters and says how many are missing; a precision, as in `{:.1000}`, is another bound. `Debug` is the same in
/// quotes.
///
/// # Examples
///
/// ```
/// use prof_runtime::text::Foreign;
///
/// assert_eq!(Foreign::new("a\u{1b}[2Jb\nc\u{202e}d").to_string(), "a\\u{1b}[2Jb\\nc\\u{202e}d");
/// assert_eq!(Foreign::new("größe 大").to_string(), "größe 大");
/// assert_eq!(format!("{:.8}", Foreign::new("0123456789abcdef")), "01234…[8 left out]…def");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Foreign<T>(pub(crate) T);

impl<T: fmt::Display> Foreign<T> {
    /// Wraps text, or any value that displays as text. The wrapper does not give it back; it only displays it.
    pub const fn new(text: T) -> Self {
        Self(text)
    }
}

/// The number of characters that [`Foreign`] shows without a precision.
const MAX_CHARS: usize = 256;

impl<T: fmt::Display> fmt::Display for Foreign<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let max = f.precision().unwrap_or(MAX_CHARS);
        let text = self.0.to_string();
        let length = if text.len() <= max { 0 } else { text.chars().count() };
        if length <= max {
            return escape(f, &text, true);
        }
        // More of the beginning, which readers read first. The end distinguishes paths and names.
        let tail = max * 3 / 8;
        let at = |chars: usize| text.char_indices().nth(chars).map_or(text.len(), |(at, _)| at);
        escape(f, &text[..at(max - tail)], true)?;
        write!(f, "…[{} left out]…", length - max)?;
        escape(f, &text[at(length - tail)..], false)
    }
}

impl<T: fmt::Display> fmt::Debug for Foreign<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl From<&str> for Foreign<String> {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<String> for Foreign<String> {
    fn from(text: String) -> Self {
        Self(text)
    }
}

/// Writes text and escapes every character that is not plain. `is_start`: `text` begins a value; a combining mark there
/// is escaped, since it would attach to the character that the message has before the value.
fn escape(f: &mut fmt::Formatter<'_>, text: &str, is_start: bool) -> fmt::Result {
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return f.write_str(text);
    }
    let mut may_combine = !is_start;
    for c in text.chars() {
        match is_plain(c, may_combine) {
            true => f.write_char(c)?,
            false => write!(f, "{}", c.escape_default())?,
        }
        may_combine = true;
    }
    Ok(())
}

/// Returns whether a character is visible and does not change its neighbors. If `may_combine` is set, combining marks
/// count as plain.
fn is_plain(c: char, may_combine: bool) -> bool {
    match c {
        ' '..='~' => true,
        // Invisible, although they are letters, marks or symbols: fillers, variation selectors, the empty pattern of
        // Braille.
        '\u{34f}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{17b4}'
        | '\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{2800}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{ffa0}'
        | '\u{e0000}'..='\u{e0fff}' => false,
        // `escape_debug` escapes controls, format characters, separators and unassigned code points, and a combining
        // mark only at the start of a string: hence the `a` before it.
        _ => {
            let mut buffer = [b'a'; 5];
            c.encode_utf8(&mut buffer[1..]);
            let start = usize::from(!may_combine);
            let text = std::str::from_utf8(&buffer[start..=c.len_utf8()]).unwrap_or_default();
            text.escape_debug().last() == Some(c)
        }
    }
}

/// A secret, such as the value of a header: `Display` and `Debug` show `…`.
///
/// # Examples
///
/// ```
/// use prof_runtime::text::Secret;
///
/// let key = Secret::new("hunter2");
/// assert_eq!(format!("{key} {key:?}"), "… …");
/// assert_eq!(key.expose(), "hunter2");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

impl Secret {
    /// Wraps a secret.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into().into_boxed_str())
    }

    /// Returns the secret, to send it to its recipient. Never put it into a message.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// A URL or address, well-formed or not, without its credentials: `…` replaces everything before the last `@`, and
/// everything after the first `?`, `#`, `;`, `&` or `,`.
///
/// If the secret part of a malformed URL is not certain, everything but the scheme is left out. The rest is shown as
/// [`Foreign`] text. `Debug` shows the same in quotes.
///
/// # Examples
///
/// ```
/// use prof_runtime::text::MaskedUrl;
///
/// let url = MaskedUrl::new("https://user:key@collector:4318/otlp?token=1");
/// assert_eq!(url.to_string(), "https://…@collector:4318/otlp?…");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct MaskedUrl<T>(pub(crate) T);

impl<T: AsRef<str>> MaskedUrl<T> {
    /// Wraps a URL or an address. The wrapper does not give it back; it only displays it.
    pub const fn new(url: T) -> Self {
        Self(url)
    }
}

/// What a query or a fragment begins with, and what is written for it by mistake.
const HIDES: [char; 5] = ['?', '#', ';', '&', ','];

impl<T: AsRef<str>> MaskedUrl<T> {
    /// Returns the text at its full length and not escaped, to be shown as [`Foreign`].
    pub fn masked(&self) -> String {
        let text = self.0.as_ref();
        let (scheme, rest) = text.split_at(text.find("://").map_or(0, |at| at + "://".len()));
        if scheme.contains(HIDES) || scheme.contains('@') {
            // This `://` is part of a secret and follows no scheme.
            return "…".to_owned();
        }
        let (place, hidden) = rest.split_at(rest.find(HIDES).unwrap_or(rest.len()));
        if hidden.contains('@') {
            // A password may have a `?` or a `,` in it, and a query an `@`.
            return format!("{scheme}…");
        }
        let place = match place.rsplit_once('@') {
            Some((_, place)) => format!("…@{place}"),
            None => place.to_owned(),
        };
        let hidden = hidden.get(..1).map(|sign| format!("{sign}…")).unwrap_or_default();
        format!("{scheme}{place}{hidden}")
    }
}

impl<T: AsRef<str>> fmt::Display for MaskedUrl<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Foreign(self.masked()).fmt(f)
    }
}

impl<T: AsRef<str>> fmt::Debug for MaskedUrl<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

#[cfg(test)]
pub(crate) mod hostile {
    //! What tests of everything that prints feed to it.

    /// Escape sequences, line breaks, bidirectional controls, and what is invisible.
    pub(crate) const TEXT: &str = "n\u{1b}[31m\u{1b}]0;t\u{7}\r\n\u{9b}2J\u{202e}\u{2066}\u{200f}\u{61c}\u{2028}\u{2029}\
        \u{200b}\u{feff}\u{ad}\u{e0041}\0\u{7f}x";

    /// Panics if `shown` has a character that acts on a terminal, or not exactly `allowed` line breaks.
    #[track_caller]
    pub(crate) fn check(shown: &str, allowed: usize) {
        let is_bad = |c: char| {
            c.is_control()
                || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                    | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
        };
        assert_eq!(shown.matches('\n').count(), allowed, "{shown:?}");
        let bad: String = shown.chars().filter(|c| *c != '\n' && is_bad(*c)).collect();
        assert_eq!(bad, "", "in {shown:?}");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_acts_on_a_terminal_is_escaped() {
        let shown = Foreign(hostile::TEXT).to_string();
        hostile::check(&shown, 0);
        assert!(shown.starts_with("n\\u{1b}[31m") && shown.ends_with("\\u{7f}x"), "{shown}");
        hostile::check(&format!("{:?}", Foreign(hostile::TEXT)), 0);
        assert_eq!(Foreign("e\u{301}").to_string(), "e\u{301}", "a mark on a letter is a letter");
        assert_eq!(Foreign("a\u{3164}\u{fe0f}").to_string(), "a\\u{3164}\\u{fe0f}", "seen by no one");
        assert_eq!(Foreign("\u{301}e").to_string(), "\\u{301}e");
        assert_eq!(Foreign("größe\\n \"x\" 日本 🦀").to_string(), "größe\\n \"x\" 日本 🦀");
    }

    #[test]
    fn long_text_says_how_much_is_left_out() {
        let long = "ö".repeat(100_000);
        let shown = Foreign(&long).to_string();
        assert_eq!(shown, format!("{}…[99744 left out]…{}", "ö".repeat(160), "ö".repeat(96)));
        assert_eq!(Foreign("ö".repeat(256)).to_string(), "ö".repeat(256));
        assert_eq!(format!("{:.0}", Foreign("abc")), "…[3 left out]…");
    }

    #[test]
    fn credentials_are_masked_in_right_and_in_wrong_urls() {
        let check = |url: &str, expect: &str| assert_eq!(MaskedUrl(url).to_string(), expect);
        check("http://h:1/p", "http://h:1/p");
        check("http://u:p@h:1/p?token=x#y", "http://…@h:1/p?…");
        check("http://h#token", "http://h#…");
        check("http://u:p@ss@h", "http://…@h");
        check("http://u:p/ss@h", "http://…@h");
        check("http://u:p?ss@h", "http://…");
        check("http://u:a@b?c@h", "http://…");
        check("http://h?mail=a@b&token=x", "http://…");
        check("u:p@h:8125", "…@h:8125");
        check("http://h:9;token=S", "http://h:9;…");
        check("http://h:9&token=S", "http://h:9&…");
        check("h:8125,token=S", "h:8125,…");
        check("u:p;a@h", "…");
        check("u:p?s://@h", "…");
        check("h:1\n", "h:1\\n");
        check("", "");
    }

    proptest! {
        #[test]
        fn no_text_does_anything_but_be_read(text in "\\PC{0,9}.{0,300}[\u{200b}-\u{206f}\u{0}-\u{1f}\n]{0,9}") {
            hostile::check(&Foreign(&text).to_string(), 0);
        }

        #[test]
        fn no_mask_shows_a_secret(
            before in "[a-z:/?#@;&,]{0,6}",
            after in "[a-z:/?#@;&,]{0,6}",
            sign in "[?#;&,]",
        ) {
            for url in [
                format!("http://{before}S3CRET{after}@host"),
                format!("http://host{before}{sign}{after}S3CRET{after}"),
                format!("host{before}{sign}{after}S3CRET{after}"),
            ] {
                let shown = MaskedUrl(&url).to_string();
                prop_assert!(!shown.contains("S3CRET"), "{url} is shown as {shown}");
            }
        }
    }
}
