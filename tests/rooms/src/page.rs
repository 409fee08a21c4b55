//! The tables of rooms in `ARCHITECTURE.md`.

use std::fmt;
use std::path::Path;

/// The page that lists the rooms of every crate.
#[derive(Debug)]
pub struct Page {
    text: String,
}

/// A page without what is asked for.
#[derive(Debug)]
pub struct PageError {
    missing: String,
}

impl fmt::Display for PageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ARCHITECTURE.md has no {}", self.missing)
    }
}

impl std::error::Error for PageError {}

impl Page {
    /// Takes the text of the page.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into() }
    }

    /// Returns the rooms of `crate_name`, from the top down: the files and directories of each row.
    ///
    /// # Errors
    ///
    /// If the page has no table under a line that begins with `` `CRATE/src` ``.
    pub fn rooms(&self, crate_name: &str) -> Result<Vec<Vec<String>>, PageError> {
        let heading = format!("`{crate_name}/src`");
        let rows = self.text.lines().skip_while(|line| !line.starts_with(&heading)).skip(1);
        let rows = rows.skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|')).skip(2);
        let rooms: Vec<Vec<String>> = rows.map(|row| in_backticks(row.split('|').nth(1).unwrap_or_default())).collect();
        let missing = || PageError { missing: format!("table of rooms under {heading}") };
        if rooms.is_empty() { Err(missing()) } else { Ok(rooms) }
    }

    /// Returns the files and directories that may have `unsafe`, relative to the root of the workspace.
    ///
    /// # Errors
    ///
    /// If no line of the page says where `unsafe` is.
    pub fn unsafe_files(&self) -> Result<Vec<String>, PageError> {
        let missing = || PageError { missing: "line on where `unsafe` is".to_owned() };
        let from = self.text.find("`unsafe` is in ").ok_or_else(missing)?;
        let sentence = &self.text[from + "`unsafe`".len()..];
        let end = sentence.find(" only").ok_or_else(missing)?;
        let files = in_backticks(&sentence[..end]).into_iter().filter(|file| file.contains('/'));
        Ok(files.map(|file| if file.contains("/src/") { file } else { format!("prof-runtime/src/{file}") }).collect())
    }

    /// Returns the names of code in the tables of terms.
    ///
    /// # Errors
    ///
    /// If the page has no section of words.
    pub fn terms(&self) -> Result<Vec<String>, PageError> {
        let missing = || PageError { missing: "section `## Words`".to_owned() };
        let (_, words) = self.text.split_once("\n## Words\n").ok_or_else(missing)?;
        let rows = words.lines().filter(|line| line.starts_with('|'));
        Ok(rows.flat_map(in_backticks).collect())
    }

    /// Returns the names of code in the walk from the attribute to a scrape.
    ///
    /// # Errors
    ///
    /// If the page has no such section.
    pub fn walk(&self) -> Result<Vec<String>, PageError> {
        let missing = || PageError { missing: "section `## From the attribute to a scrape`".to_owned() };
        let (_, walk) = self.text.split_once("\n## From the attribute to a scrape\n").ok_or_else(missing)?;
        Ok(in_backticks(walk.split("\n## ").next().unwrap_or_default()))
    }

    /// Returns whether `file` is one of `listed`, or in a directory of them.
    pub fn lists(listed: &[String], file: &Path) -> bool {
        listed.iter().any(|entry| file == Path::new(entry) || (entry.ends_with('/') && file.starts_with(entry)))
    }
}

/// What stands in backticks, in order.
fn in_backticks(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}
