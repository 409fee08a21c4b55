//! The attributes in a build without the feature `enabled`: they check their arguments, and return the unchanged item.
//!
//! One thing goes: `#[prof]` on an item inside an annotated block. The name need not be in scope there, because the
//! attribute of the block reads it.
//!
//! This room uses `arguments`.

#[cfg(all(test, feature = "enabled"))]
mod tests;

use crate::arguments::expires;
use crate::arguments::input::is_word;
use crate::arguments::mistake::Mistakes;
use crate::arguments::prof::Args;
use crate::tokens::{Delimiter, Group, Ident, Punct, Spacing, TokenStream, TokenTree, at_commas};

/// The item under `#[prof]`, after the errors in its arguments.
pub(crate) fn prof(args: TokenStream, item: TokenStream) -> TokenStream {
    let mut mistakes = Mistakes::default();
    let args = mistakes.collect(Args::parse(args));
    if args.as_ref().is_some_and(|args| args.skip) {
        return item;
    }
    let mut items = Items { args, is_annotated: true, ..Items::new(&mut mistakes) };
    items.read(item);
    let item = items.out.into_iter().collect();
    with_errors(mistakes, item)
}

/// The function under `#[expires]`, after the errors in its arguments.
pub(crate) fn expires(args: TokenStream, item: TokenStream) -> TokenStream {
    let mut mistakes = Mistakes::default();
    mistakes.collect(expires::Args::parse(args));
    with_errors(mistakes, item)
}

fn with_errors(mistakes: Mistakes, item: TokenStream) -> TokenStream {
    match mistakes.is_empty() {
        true => item,
        false => [mistakes.code(), item].into_iter().collect(),
    }
}

/// A list of items, being read from its start to its end.
struct Items<'a> {
    mistakes: &'a mut Mistakes,
    kind: Kind,
    /// The arguments of the item that is being read, if it has any and they are right.
    args: Option<Args>,
    /// Whether the item that is being read carries `#[prof]`.
    is_annotated: bool,
    /// How many angle brackets are open: a brace between them is a const argument, not the body.
    depth: usize,
    out: Vec<TokenTree>,
    /// Whether `out` lacks something that was read.
    is_changed: bool,
}

/// What an item is, as far as it has been read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Unknown,
    /// An impl, a trait or a module.
    Block,
    Other,
}

impl<'a> Items<'a> {
    fn new(mistakes: &'a mut Mistakes) -> Self {
        let (kind, args) = (Kind::Unknown, None);
        Self { mistakes, kind, args, is_annotated: false, depth: 0, out: Vec::new(), is_changed: false }
    }

    fn read(&mut self, items: TokenStream) {
        let mut tokens = items.into_iter().peekable();
        while let Some(token) = tokens.next() {
            let is_attribute =
                self.kind == Kind::Unknown && matches!(&token, TokenTree::Punct(hash) if hash.as_char() == '#');
            let attribute = tokens.next_if(|next| is_attribute && delimiter(next) == Some(Delimiter::Bracket));
            match (token, attribute) {
                (hash, Some(TokenTree::Group(attribute))) => self.attribute(hash, attribute),
                (TokenTree::Group(group), _) => self.group(group),
                (token, _) => self.token(token),
            }
        }
    }

    fn token(&mut self, token: TokenTree) {
        match &token {
            TokenTree::Ident(word) => self.word(word),
            TokenTree::Punct(punct) => match punct.as_char() {
                '<' => self.depth += 1,
                // The `>` of `->` and `=>` closes nothing.
                '>' if !matches!(self.out.last(), Some(TokenTree::Punct(last)) if "-=".contains(last.as_char())) => {
                    self.depth = self.depth.saturating_sub(1);
                }
                ';' => self.end_item(),
                _ => {}
            },
            TokenTree::Group(_) | TokenTree::Literal(_) => {}
        }
        self.out.push(token);
    }

    /// The first keyword of an item tells its kind. `const`, `unsafe` and the like may precede either kind.
    fn word(&mut self, word: &Ident) {
        if self.kind != Kind::Unknown {
            return;
        }
        match word.to_string().as_str() {
            "impl" | "trait" | "mod" => {
                self.kind = Kind::Block;
                if let Some(args) = &self.args {
                    self.mistakes.collect(args.check_for_block());
                }
            }
            "fn" | "struct" | "enum" | "union" | "static" | "type" | "use" | "macro_rules" => self.kind = Kind::Other,
            _ => {}
        }
    }

    fn group(&mut self, group: Group) {
        let is_body = self.depth == 0 && is_block(&group);
        let inner = if is_body && self.kind == Kind::Block {
            let mut members = Items::new(self.mistakes);
            members.read(group.stream());
            members.is_changed.then_some(members.out)
        } else if group.delimiter() == Delimiter::None && self.kind == Kind::Unknown {
            // The fragment of a macro, such as `$item:item`.
            let outer = (std::mem::take(&mut self.out), std::mem::take(&mut self.is_changed));
            self.read(group.stream());
            let inner = std::mem::replace(&mut self.out, outer.0);
            let is_changed = std::mem::replace(&mut self.is_changed, outer.1);
            is_changed.then_some(inner)
        } else {
            None
        };
        match inner {
            Some(inner) => self.replace(&group, inner),
            None => self.out.push(group.into()),
        }
        if is_body {
            self.end_item();
        }
    }

    fn end_item(&mut self) {
        self.kind = Kind::Unknown;
        self.args = None;
        self.is_annotated = false;
        self.depth = 0;
    }

    /// Drops the attribute if it is `#[prof]`, and `prof` from a `cfg_attr`.
    fn attribute(&mut self, hash: TokenTree, attribute: Group) {
        let (name, arguments) = parts(attribute.stream());
        if is_prof(name.as_ref()) {
            self.is_changed = true;
            self.ours(name, arguments);
            return;
        }
        self.out.push(hash);
        match arguments {
            Some(arguments) if name.is_some_and(|name| is_word(&name, "cfg_attr")) => {
                let left = self.conditional(&arguments);
                match left {
                    Some(left) => {
                        // The name and its parentheses.
                        let inside = attribute.stream().into_iter().take(1);
                        let mut parentheses = Group::new(Delimiter::Parenthesis, left);
                        parentheses.set_span(arguments.span());
                        let inside = inside.chain([parentheses.into()]).collect();
                        self.replace(&attribute, inside);
                    }
                    None => self.out.push(attribute.into()),
                }
            }
            _ => self.out.push(attribute.into()),
        }
    }

    /// The arguments of a `cfg_attr` without `prof`; `None` if it has no `prof`.
    fn conditional(&mut self, arguments: &Group) -> Option<TokenStream> {
        let entries = at_commas(arguments.stream());
        let count = entries.len();
        let mut left: Vec<TokenTree> = Vec::new();
        let mut kept = 0;
        for entry in entries {
            let (name, own) = parts(entry.clone());
            if kept > 0 && is_prof(name.as_ref()) {
                self.mistakes.collect(Args::parse(own.map(|own| own.stream()).unwrap_or_default()));
                continue;
            }
            kept += 1;
            left.extend(entry);
            left.push(Punct::new(',', Spacing::Alone).into());
        }
        (kept < count).then(|| left.into_iter().collect())
    }

    fn ours(&mut self, name: Option<Ident>, arguments: Option<Group>) {
        if let Some(name) = name.filter(|_| self.is_annotated) {
            self.mistakes.append(Mistakes::new(name.span(), "`#[prof]` is given twice on this item"));
        }
        self.is_annotated = true;
        self.args = self.mistakes.collect(Args::parse(arguments.map(|group| group.stream()).unwrap_or_default()));
    }

    /// Adds `group` with something else inside.
    fn replace(&mut self, group: &Group, inside: Vec<TokenTree>) {
        let mut replaced = Group::new(group.delimiter(), inside.into_iter().collect());
        replaced.set_span(group.span());
        self.out.push(replaced.into());
        self.is_changed = true;
    }
}

fn delimiter(token: &TokenTree) -> Option<Delimiter> {
    match token {
        TokenTree::Group(group) => Some(group.delimiter()),
        _ => None,
    }
}

/// Whether `group` is a block, or the invisible group around one that `$body:block` of a `macro_rules!` makes.
fn is_block(group: &Group) -> bool {
    match group.delimiter() {
        Delimiter::Brace => true,
        Delimiter::None => {
            matches!(group.stream().into_iter().next(), Some(TokenTree::Group(inner)) if is_block(&inner))
        }
        Delimiter::Parenthesis | Delimiter::Bracket => false,
    }
}

fn is_prof(name: Option<&Ident>) -> bool {
    name.is_some_and(|name| is_word(name, "prof"))
}

/// The name of an attribute without the path to it, and the parentheses after the name.
fn parts(attribute: TokenStream) -> (Option<Ident>, Option<Group>) {
    let mut name = None;
    for token in attribute {
        match token {
            TokenTree::Ident(segment) => name = Some(segment),
            TokenTree::Punct(colon) if colon.as_char() == ':' => {}
            TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis => return (name, Some(group)),
            _ => break,
        }
    }
    (name, None)
}
