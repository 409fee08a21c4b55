//! Paths in tokens: what `use` items import, what expressions and types name, and what else the structure needs.

use std::ops::RangeInclusive;

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};

/// A path that begins with `crate`, `super`, `self` or the crate's own name.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    /// The modules within the file that the path is written in, outermost first.
    pub(crate) inside: Vec<String>,
    /// The parts of the path, with `*` for all that a module has.
    pub(crate) parts: Vec<String>,
    /// The name that a `use` item gives to it, where it is one.
    pub(crate) imported_as: Option<String>,
    pub(crate) line: usize,
}

/// What the tokens of one file say, code for tests left out.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    pub(crate) paths: Vec<Path>,
    /// The modules in files of their own: their names, and the file that `#[path]` names.
    pub(crate) modules: Vec<(String, Option<String>)>,
    /// The names of `macro_rules!` macros.
    pub(crate) macros: Vec<String>,
    pub(crate) has_unsafe: bool,
    /// The lines of modules for tests alone.
    pub(crate) test_lines: Vec<RangeInclusive<usize>>,
}

/// What the attributes before an item say.
#[derive(Default)]
struct Attributes {
    is_for_tests: bool,
    path: Option<String>,
    /// The line of the first of them.
    line: Option<usize>,
}

impl Tokens {
    pub(crate) fn read(tokens: TokenStream) -> Self {
        let mut read = Self::default();
        read.module(tokens, &[]);
        read
    }

    /// Reads the tokens of a module, a block, or anything else in brackets.
    fn module(&mut self, tokens: TokenStream, inside: &[String]) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut attributes = Attributes::default();
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            if let Some(attribute) = attribute(&tokens[at..]) {
                attributes.add(attribute);
                self.has_unsafe |= has_word(attribute.stream(), "unsafe");
                at += 2;
                continue;
            }
            let line = token.span().start().line;
            if attributes.is_for_tests {
                at += item_length(&tokens[at..]);
                let last = tokens.get(at - 1).map_or(line, |token| token.span().end().line);
                self.test_lines.push(attributes.line.unwrap_or(line)..=last);
                attributes = Attributes::default();
                continue;
            }
            at += match token {
                TokenTree::Ident(ident) => self.word(ident, tokens.split_at(at), inside, &mut attributes),
                TokenTree::Group(group) => {
                    attributes = Attributes::default();
                    self.module(group.stream(), inside);
                    1
                }
                TokenTree::Punct(punct) => {
                    if punct.as_char() == ';' {
                        attributes = Attributes::default();
                    }
                    1
                }
                TokenTree::Literal(_) => 1,
            };
        }
    }

    /// Reads what begins with `ident`, which stands between the tokens of `around`; returns how many tokens it is.
    fn word(
        &mut self,
        ident: &Ident,
        around: (&[TokenTree], &[TokenTree]),
        inside: &[String],
        attributes: &mut Attributes,
    ) -> usize {
        let (before, tokens) = around;
        match ident.to_string().as_str() {
            "use" => {
                let length = item_length(tokens);
                self.tree(&tokens[1..length], &[], inside);
                length
            }
            "mod" => match tokens {
                [_, TokenTree::Ident(name), TokenTree::Group(body), ..] if body.delimiter() == Delimiter::Brace => {
                    *attributes = Attributes::default();
                    let inside: Vec<String> = inside.iter().cloned().chain([name.to_string()]).collect();
                    self.module(body.stream(), &inside);
                    3
                }
                [_, TokenTree::Ident(name), ..] if inside.is_empty() => {
                    self.modules.push((name.to_string(), attributes.path.take()));
                    2
                }
                _ => 1,
            },
            "macro_rules" => {
                if let [_, _, TokenTree::Ident(name), ..] = tokens {
                    self.macros.push(name.to_string());
                }
                1
            }
            "unsafe" => {
                self.has_unsafe = true;
                1
            }
            // What generated code names is of the crate that it is generated in.
            "crate" if before.last().is_some_and(|token| is_punct(token, '$')) => path_length(tokens),
            "crate" | "super" | "self" | "prof_runtime" | "timer_watchdog" => {
                let length = path_length(tokens);
                let is_start = !matches!(before, [.., first, second] if is_punct(first, ':') && is_punct(second, ':'));
                if length > 1 && is_start {
                    self.path(parts(&tokens[..length]), None, inside, ident.span().start().line);
                }
                length
            }
            _ => 1,
        }
    }

    /// Reads the tree of a `use` item, which stands behind `prefix`.
    fn tree(&mut self, tokens: &[TokenTree], prefix: &[String], inside: &[String]) {
        for branch in tokens.split(|token| is_punct(token, ',') || is_punct(token, ';')) {
            let Some(first) = branch.first() else { continue };
            let line = first.span().start().line;
            let mut path = prefix.to_vec();
            let mut renamed = None;
            let mut is_alias = false;
            for token in branch {
                match token {
                    TokenTree::Ident(ident) if is_alias => renamed = Some(ident.to_string()),
                    TokenTree::Ident(ident) if ident == "as" => is_alias = true,
                    TokenTree::Ident(ident) => path.push(ident.to_string()),
                    TokenTree::Punct(punct) if punct.as_char() == '*' => path.push("*".to_owned()),
                    TokenTree::Group(group) => {
                        let tokens: Vec<TokenTree> = group.stream().into_iter().collect();
                        self.tree(&tokens, &path, inside);
                        path.clear();
                    }
                    _ => {}
                }
            }
            if path.last().is_some_and(|part| part == "self") && path.len() > 1 {
                path.pop();
            }
            if let Some(last) = path.last().cloned() {
                self.path(path, Some(renamed.unwrap_or(last)), inside, line);
            }
        }
    }

    fn path(&mut self, parts: Vec<String>, imported_as: Option<String>, inside: &[String], line: usize) {
        self.paths.push(Path { inside: inside.to_vec(), parts, imported_as, line });
    }
}

impl Attributes {
    fn add(&mut self, attribute: &Group) {
        self.line.get_or_insert(attribute.span().start().line);
        let tokens: Vec<TokenTree> = attribute.stream().into_iter().collect();
        match tokens.as_slice() {
            [TokenTree::Ident(name), TokenTree::Group(condition)] if name == "cfg" => {
                self.is_for_tests |= needs_test(condition.stream());
            }
            [TokenTree::Ident(name), TokenTree::Punct(_), TokenTree::Literal(path)] if name == "path" => {
                self.path = Some(path.to_string().trim_matches('"').to_owned());
            }
            _ => {}
        }
    }
}

/// Whether a condition holds in tests alone: `test`, or an `all` with it.
fn needs_test(condition: TokenStream) -> bool {
    let tokens: Vec<TokenTree> = condition.into_iter().collect();
    match tokens.as_slice() {
        [TokenTree::Ident(word)] => word == "test" || word == "doctest",
        [TokenTree::Ident(word), TokenTree::Group(conditions)] if word == "all" => {
            let conditions: Vec<TokenTree> = conditions.stream().into_iter().collect();
            conditions.split(|token| is_punct(token, ',')).any(|one| needs_test(one.iter().cloned().collect()))
        }
        _ => false,
    }
}

/// Whether `word` is among the tokens, in brackets or not.
fn has_word(tokens: TokenStream, word: &str) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == word,
        TokenTree::Group(group) => has_word(group.stream(), word),
        _ => false,
    })
}

/// The attribute that `tokens` begin with, of what follows.
fn attribute(tokens: &[TokenTree]) -> Option<&Group> {
    match tokens {
        [TokenTree::Punct(mark), TokenTree::Group(attribute), ..]
            if mark.as_char() == '#' && attribute.delimiter() == Delimiter::Bracket =>
        {
            Some(attribute)
        }
        _ => None,
    }
}

/// How many tokens the item, field, variant or statement is that `tokens` begin with.
fn item_length(tokens: &[TokenTree]) -> usize {
    let words: Vec<String> = tokens
        .iter()
        .take_while(|token| match token {
            TokenTree::Punct(_) => false,
            TokenTree::Group(group) => group.delimiter() != Delimiter::Brace,
            _ => true,
        })
        .filter_map(|token| match token {
            TokenTree::Ident(ident) => Some(ident.to_string()),
            _ => None,
        })
        .collect();
    let is_use = words.iter().any(|word| word == "use");
    let is_item = words.iter().any(|word| ITEMS.contains(&word.as_str()));
    let ends = |token: &TokenTree| match token {
        TokenTree::Punct(punct) => punct.as_char() == ';' || (!is_item && punct.as_char() == ','),
        TokenTree::Group(group) => !is_use && group.delimiter() == Delimiter::Brace,
        _ => false,
    };
    tokens.iter().position(ends).map_or(tokens.len(), |end| end + 1)
}

/// Words that begin an item, after its visibility. No comma ends one.
const ITEMS: [&str; 13] = [
    "use",
    "fn",
    "impl",
    "struct",
    "enum",
    "union",
    "mod",
    "const",
    "static",
    "type",
    "trait",
    "extern",
    "macro_rules",
];

/// How many tokens the path is that `tokens` begin with: words with `::` between them.
fn path_length(tokens: &[TokenTree]) -> usize {
    let mut length = 1;
    while let [TokenTree::Punct(first), TokenTree::Punct(second), TokenTree::Ident(_), ..] = &tokens[length..] {
        if first.as_char() != ':' || second.as_char() != ':' {
            break;
        }
        length += 3;
    }
    length
}

fn parts(tokens: &[TokenTree]) -> Vec<String> {
    tokens
        .iter()
        .filter_map(|token| match token {
            TokenTree::Ident(ident) => Some(ident.to_string()),
            _ => None,
        })
        .collect()
}

fn is_punct(token: &TokenTree, wanted: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == wanted)
}
