//! Links of the documents: in the repository, and of the pages that are part of a crate's documentation.
//!
//! A page that rustdoc shows links to others by labels: `[text][limits.md]`, with `[limits.md]: limits.md` at its end.
//! In the crate's documentation, `guide.md` defines the label first, as a path that rustdoc checks.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use pulldown_cmark::{Event, LinkType, Options, Parser, Tag, TagEnd};

use super::root;

/// A document of the repository.
struct Document {
    path: PathBuf,
    text: String,
}

/// A link as it is written.
struct Link {
    kind: LinkType,
    target: String,
    /// Of a link by label.
    label: String,
}

impl Document {
    fn read(path: PathBuf) -> Self {
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { path, text }
    }

    fn parser(&self) -> Parser<'_> {
        Parser::new_ext(&self.text, Options::ENABLE_TABLES)
    }

    fn links(&self) -> Vec<Link> {
        let link = |event| match event {
            Event::Start(Tag::Link { link_type, dest_url, id, .. } | Tag::Image { link_type, dest_url, id, .. }) => {
                Some(Link { kind: link_type, target: dest_url.into_string(), label: id.into_string() })
            }
            _ => None,
        };
        self.parser().filter_map(link).collect()
    }

    /// The anchors that GitHub and rustdoc give to headings.
    fn anchors(&self) -> BTreeSet<String> {
        let (mut anchors, mut heading) = (BTreeSet::new(), None::<String>);
        for event in self.parser() {
            match event {
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => anchors.extend(heading.take()),
                Event::Text(text) | Event::Code(text) => {
                    if let Some(heading) = &mut heading {
                        let kept = |c: &char| c.is_alphanumeric() || "-_ ".contains(*c);
                        let lower = text.to_lowercase();
                        heading.extend(lower.chars().filter(kept).map(|c| if c == ' ' { '-' } else { c }));
                    }
                }
                _ => {}
            }
        }
        anchors
    }

    /// Why a relative link leads nowhere.
    fn fault(&self, target: &str) -> Option<String> {
        let (file, anchor) = target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
        let path = if file.is_empty() { self.path.clone() } else { self.path.parent().unwrap().join(file) };
        if !path.exists() {
            return Some(format!("{} does not exist", path.display()));
        }
        let anchor = anchor?;
        let is_there = Self::read(path).anchors().contains(anchor);
        (!is_there).then(|| format!("no heading there makes #{anchor}"))
    }
}

fn is_relative(target: &str) -> bool {
    !["https://", "http://", "mailto:"].iter().any(|scheme| target.starts_with(scheme))
}

fn markdown_in(directory: impl AsRef<Path>) -> impl Iterator<Item = Document> {
    let directory = root().join(directory);
    let paths = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "md")).map(Document::read)
}

#[test]
fn every_link_in_the_repository_leads_somewhere() {
    let mut checked = 0;
    for document in ["", "docs", "prof-macros", "prof-runtime", "timer-watchdog"].into_iter().flat_map(markdown_in) {
        for link in document.links().iter().filter(|link| is_relative(&link.target)) {
            let fault = document.fault(&link.target);
            assert_eq!(fault, None, "{} links to {}", document.path.display(), link.target);
            checked += 1;
        }
    }
    assert!(checked >= 50, "{checked}");
}

/// A crate whose documentation has pages: the file that lists them, and the labels that it defines.
struct Guide {
    directory: &'static str,
    listed: String,
    labels: BTreeMap<String, String>,
}

impl Guide {
    fn of(directory: &'static str) -> Self {
        let source = root().join(directory).join("src");
        let listed = fs::read_to_string(source.join("guide.rs")).unwrap();
        let labels = fs::read_to_string(source.join("guide.md")).unwrap();
        let label = |line: &str| {
            let (label, target) = line.strip_prefix('[')?.split_once("]: ")?;
            Some((label.to_owned(), target.to_owned()))
        };
        let labels = labels.lines().map(|line| label(line).unwrap_or_else(|| panic!("{line} defines no label")));
        Self { directory, listed, labels: labels.collect() }
    }

    /// The pages, by the paths that the list has.
    fn pages(&self) -> Vec<Document> {
        let quoted = self.listed.split('"').skip(1).step_by(2).map(|path| Path::new(path.trim_start_matches("../")));
        let pages = quoted.filter(|path| path.extension().is_some() && !path.ends_with("guide.md"));
        pages.map(|path| Document::read(root().join(self.directory).join(path))).collect()
    }

    #[track_caller]
    fn check(&self) {
        let mut used = BTreeSet::new();
        for page in self.pages() {
            let name = page.path.display();
            for link in page.links().into_iter().filter(|link| is_relative(&link.target)) {
                if link.target.starts_with('#') {
                    continue;
                }
                let is_by_label = matches!(link.kind, LinkType::Reference | LinkType::Shortcut | LinkType::Collapsed);
                assert!(
                    is_by_label && self.labels.contains_key(&link.label),
                    "rustdoc has nothing at {}: {name} has to link by a label that src/guide.md of {} defines",
                    link.target,
                    self.directory
                );
                // The same label leads to the same place, in the repository and in the documentation.
                let target = &self.labels[&link.label];
                let anchor = |target: &str| target.split_once('#').map(|(_, anchor)| anchor.to_owned());
                assert_eq!(anchor(target), anchor(&link.target), "{name}, {}", link.label);
                used.insert(link.label);
            }
        }
        let unused = self.labels.keys().find(|label| !used.contains(*label));
        assert_eq!(unused, None, "no page of {} has a link of this label", self.directory);
    }
}

#[test]
fn every_link_in_the_guide_of_prof_runtime_leads_somewhere() {
    Guide::of("prof-runtime").check();
}

#[test]
fn every_link_in_the_guide_of_timer_watchdog_leads_somewhere() {
    Guide::of("timer-watchdog").check();
}

/// A page that no crate shows is out of reach for those who read the documentation of a crate.
#[test]
fn every_page_is_a_part_of_the_documentation_of_a_crate() {
    let canonical = |page: Document| page.path.canonicalize().unwrap();
    let shown: BTreeSet<PathBuf> = ["prof-runtime", "timer-watchdog"]
        .into_iter()
        .flat_map(|name| Guide::of(name).pages())
        .map(canonical)
        .collect();
    let missing = markdown_in("docs").map(canonical).find(|page| !shown.contains(page));
    assert_eq!(missing, None, "guide.rs has to list it");
}

#[test]
fn a_link_that_leads_nowhere_is_found_out() {
    let scratch = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = scratch.path().join("page.md");
    fs::write(&path, "# A `b` c\n[x](page.md#a-b-c) [y](#a) ![z](no.svg) [w][v]\n\n[v]: other.md\n").unwrap();
    let page = Document::read(path);
    let faults: Vec<bool> = page.links().iter().map(|link| page.fault(&link.target).is_some()).collect();
    assert_eq!(faults, [false, true, true, true]);
}
