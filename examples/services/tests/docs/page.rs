//! A page taken apart: its fenced blocks and its tables.

use std::fs;
use std::path::Path;

/// A document of the repository.
pub(crate) struct Page {
    name: &'static str,
    text: String,
}

/// What stands between two fences.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) language: String,
    pub(crate) text: String,
}

impl Page {
    /// Reads a page, by its path from the root of the repository.
    pub(crate) fn read(name: &'static str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { name, text }
    }

    pub(crate) fn blocks(&self) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::new();
        let mut is_inside = false;
        for line in self.text.lines() {
            match line.strip_prefix("```") {
                Some(language) if !is_inside => {
                    blocks.push(Block { language: language.to_owned(), text: String::new() });
                    is_inside = true;
                }
                Some(_) => is_inside = false,
                None if is_inside => {
                    let block = blocks.last_mut().expect("a line inside follows a fence");
                    block.text.push_str(line);
                    block.text.push('\n');
                }
                None => {}
            }
        }
        assert!(!is_inside, "{} ends inside a block", self.name);
        blocks
    }

    /// The only block in a language.
    #[track_caller]
    pub(crate) fn block(&self, language: &str) -> String {
        let mut found: Vec<Block> = self.blocks().into_iter().filter(|block| block.language == language).collect();
        assert_eq!(found.len(), 1, "{} has this many blocks of {language}: {found:?}", self.name);
        found.remove(0).text
    }

    /// Fails unless the page's blocks are in these languages, in this order: no test checks others.
    #[track_caller]
    pub(crate) fn check_languages(&self, expect: &[&str]) {
        let languages: Vec<String> = self.blocks().into_iter().map(|block| block.language).collect();
        assert_eq!(languages, expect, "{}", self.name);
    }

    /// The cells of every row of the page's tables, below the heads.
    pub(crate) fn rows(&self) -> Vec<Vec<String>> {
        let lines = self.text.lines().filter(|line| line.starts_with('|'));
        // A bar inside a cell is written `\|`.
        let cells = |line: &str| {
            let line = line.replace("\\|", "\0");
            let cells = line.trim_matches('|').split('|').map(|cell| cell.replace('\0', "|").trim().to_owned());
            cells.collect::<Vec<_>>()
        };
        let is_rule =
            |row: &[String]| row.iter().all(|cell| !cell.is_empty() && cell.chars().all(|c| "-:".contains(c)));
        let mut rows: Vec<Vec<String>> = Vec::new();
        for row in lines.map(cells) {
            match is_rule(&row) {
                // What was before it was the head.
                true => drop(rows.pop()),
                false => rows.push(row),
            }
        }
        rows
    }

    /// What the page calls a feature: "the feature `NAME`".
    pub(crate) fn features(&self) -> Vec<String> {
        let names = self.text.split("feature `").skip(1).filter_map(|rest| rest.split('`').next());
        names.map(str::to_owned).collect()
    }

    pub(crate) fn contains(&self, text: &str) -> bool {
        self.text.contains(text)
    }
}

/// What a text has between back quotes.
pub(crate) fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

#[test]
fn a_page_is_taken_apart() {
    let text = "# A\n```sh\na\n```\n\n## B\n\n| h | i |\n|---|--:|\n| `x\\|y` | `z` or `w` |\n\n```\nb\nc\n```\n## C\n```c\n```\n";
    let page = || Page { name: "test", text: text.to_owned() };
    page().check_languages(&["sh", "", "c"]);
    assert_eq!(page().block("sh"), "a\n");
    assert_eq!(page().block(""), "b\nc\n");
    assert_eq!(page().rows(), [["`x|y`", "`z` or `w`"]]);
    assert_eq!(quoted("`z` or `w`"), ["z", "w"]);
}
