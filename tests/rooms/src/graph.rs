//! Which file and which room uses which.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path as FilePath, PathBuf};

use crate::page::Page;
use crate::paths::Path;
use crate::source::{Module, ReadError, Source};

/// How many re-exports a path may lead through.
const MOST_REEXPORTS: usize = 16;

/// The structure of one crate.
#[derive(Debug)]
pub struct Crate {
    name: String,
    sources: Vec<Source>,
    /// The rooms, from the top down: the files and directories of each.
    rooms: Vec<Vec<String>>,
    uses: Vec<Use>,
}

/// One place where a file uses another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    /// The file that uses, relative to the crate's `src`.
    pub file: PathBuf,
    /// The line of the path.
    pub line: usize,
    /// The path as it is written.
    pub path: String,
    /// The file that is used.
    pub used: PathBuf,
}

/// All uses of one room by another.
#[derive(Clone, Debug)]
pub struct Arrow {
    /// The room that uses, by its place from the top.
    pub from: usize,
    /// The room that is used, by its place from the top.
    pub to: usize,
    /// The uses.
    pub uses: Vec<Use>,
}

impl Arrow {
    /// Returns whether the room uses one below it.
    pub fn is_down(&self) -> bool {
        self.to > self.from
    }
}

impl Crate {
    /// Reads the crate in `directory`, with the rooms that `page` has for it. Without a page, each entry of `src` is a
    /// room, in an order in which few of them use one below them.
    ///
    /// # Errors
    ///
    /// If a file cannot be read, or the page has no table for the crate.
    pub fn read(directory: &FilePath, page: Option<&Page>) -> Result<Self, Box<dyn std::error::Error>> {
        let name = directory.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let sources = Source::read_all(&directory.join("src")).map_err(|error: ReadError| Box::new(error))?;
        let uses = Resolver::new(&name, &sources).uses();
        let mut read = Self { name, sources, rooms: Vec::new(), uses };
        read.rooms = match page {
            Some(page) => page.rooms(&read.name)?,
            None => read.entries(),
        };
        if page.is_none() {
            read.order();
        }
        Ok(read)
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the files, code for tests left out.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// Returns the rooms, from the top down: the files and directories of each.
    pub fn rooms(&self) -> &[Vec<String>] {
        &self.rooms
    }

    /// Returns every use of a file by another.
    pub fn uses(&self) -> &[Use] {
        &self.uses
    }

    /// Returns the room of `file`, by its place from the top.
    pub fn room_of(&self, file: &FilePath) -> Option<usize> {
        self.rooms.iter().position(|room| Page::lists(room, file))
    }

    /// Returns the arrows between different rooms.
    pub fn arrows(&self) -> Vec<Arrow> {
        let mut arrows: BTreeMap<(usize, usize), Vec<Use>> = BTreeMap::new();
        for one in &self.uses {
            let (Some(from), Some(to)) = (self.room_of(&one.file), self.room_of(&one.used)) else { continue };
            if from != to {
                arrows.entry((from, to)).or_default().push(one.clone());
            }
        }
        arrows.into_iter().map(|((from, to), uses)| Arrow { from, to, uses }).collect()
    }

    /// Returns the circles: files of which each uses the next, directly or not, and is used by it.
    pub fn circles(&self) -> Vec<Vec<&FilePath>> {
        let files: Vec<&FilePath> = self.sources.iter().map(Source::file).collect();
        let number: HashMap<&FilePath, usize> =
            files.iter().enumerate().map(|(number, file)| (*file, number)).collect();
        let mut reached = vec![BTreeSet::new(); files.len()];
        for one in &self.uses {
            if let (Some(from), Some(to)) = (number.get(one.file.as_path()), number.get(one.used.as_path())) {
                reached[*from].insert(*to);
            }
        }
        // The transitive closure: crates have a few hundred files.
        for through in 0..files.len() {
            let next = reached[through].clone();
            for from in reached.iter_mut().filter(|from| from.contains(&through)) {
                from.extend(&next);
            }
        }
        let mut circles: Vec<Vec<&FilePath>> = Vec::new();
        for file in 0..files.len() {
            let circle: Vec<usize> =
                reached[file].iter().copied().filter(|other| reached[*other].contains(&file)).collect();
            if circle.len() > 1 && circle[0] == file {
                circles.push(circle.into_iter().map(|file| files[file]).collect());
            }
        }
        circles
    }

    /// Returns the rooms of `files`, by their places from the top.
    pub fn rooms_of(&self, files: &[&FilePath]) -> BTreeSet<usize> {
        files.iter().filter_map(|file| self.room_of(file)).collect()
    }

    /// The entries of `src` as rooms.
    fn entries(&self) -> Vec<Vec<String>> {
        let entries: BTreeSet<String> = self.sources.iter().map(|source| entry(source.file())).collect();
        entries.into_iter().map(|entry| vec![entry]).collect()
    }

    /// Orders the rooms by the heuristic of Eades, Lin and Smyth for a small set of arrows against the order: rooms
    /// that use none that are left come first, rooms that none uses last, and in between the one that is used the most
    /// more often than it uses others.
    fn order(&mut self) {
        let arrows: Vec<(usize, usize)> = self.arrows().iter().map(|arrow| (arrow.from, arrow.to)).collect();
        let mut left: BTreeSet<usize> = (0..self.rooms.len()).collect();
        let (mut first, mut last) = (Vec::new(), Vec::new());
        while !left.is_empty() {
            let count = |room: usize, end: fn(&(usize, usize)) -> (usize, usize)| {
                arrows.iter().map(end).filter(|(own, other)| *own == room && left.contains(other)).count()
            };
            let outgoing = |room: usize| count(room, |arrow| (arrow.0, arrow.1));
            let incoming = |room: usize| count(room, |arrow| (arrow.1, arrow.0));
            let next = if let Some(room) = left.iter().copied().find(|room| outgoing(*room) == 0) {
                first.push(room);
                room
            } else if let Some(room) = left.iter().copied().find(|room| incoming(*room) == 0) {
                last.push(room);
                room
            } else {
                let surplus = |room: &usize| incoming(*room).cast_signed() - outgoing(*room).cast_signed();
                let Some(room) = left.iter().copied().max_by_key(surplus) else { break };
                first.push(room);
                room
            };
            left.remove(&next);
        }
        last.reverse();
        self.rooms = first.into_iter().chain(last).map(|room| self.rooms[room].clone()).collect();
    }
}

/// The file or directory of `src` that `file` is, or is in; a program is an entry of its own.
fn entry(file: &FilePath) -> String {
    let parts: Vec<String> = file.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    match parts.as_slice() {
        [file] => file.clone(),
        [bin, program, ..] if bin == "bin" => format!("bin/{program}/"),
        [directory, ..] => format!("{directory}/"),
        [] => String::new(),
    }
}

/// Finds the files that paths lead to.
struct Resolver<'a> {
    crate_name: String,
    sources: &'a [Source],
    /// The modules in files of their own.
    modules: HashMap<&'a Module, &'a Source>,
    /// What modules import: the paths, by module and name. A name may be of a type, a function and a macro at once.
    imports: HashMap<(Module, &'a str), Vec<&'a Path>>,
    macros: HashMap<&'a str, &'a Source>,
}

impl<'a> Resolver<'a> {
    fn new(crate_name: &str, sources: &'a [Source]) -> Self {
        let modules = sources.iter().map(|source| (&source.module, source)).collect();
        let macros_of = |source: &'a Source| source.macros.iter().map(move |name| (name.as_str(), source));
        let macros = sources.iter().flat_map(macros_of).collect();
        let mut imports: HashMap<(Module, &'a str), Vec<&'a Path>> = HashMap::new();
        for source in sources {
            for path in source.paths.iter().filter(|path| path.inside.is_empty()) {
                if let Some(name) = &path.imported_as {
                    imports.entry((source.module.clone(), name)).or_default().push(path);
                }
            }
        }
        Self { crate_name: crate_name.replace('-', "_"), sources, modules, imports, macros }
    }

    fn uses(&self) -> Vec<Use> {
        let mut found = BTreeSet::new();
        for source in self.sources {
            for path in &source.paths {
                let Some(absolute) = self.absolute(&source.module, path) else { continue };
                for used in self.files(&absolute, MOST_REEXPORTS) {
                    if used.file() != source.file() {
                        let (file, used) = (source.file().to_owned(), used.file().to_owned());
                        found.insert(Use { file, line: path.line, path: path.parts.join("::"), used });
                    }
                }
            }
        }
        found.into_iter().collect()
    }

    /// The path from the root; none for one that leads out of the crate.
    fn absolute(&self, module: &Module, path: &Path) -> Option<Module> {
        let here = || module.path.iter().chain(&path.inside).cloned().collect::<Vec<_>>();
        let mut parts = path.parts.iter();
        let first = parts.next()?;
        let (root, mut absolute) = match first.as_str() {
            "crate" => (module.root.clone(), Vec::new()),
            "self" => (module.root.clone(), here()),
            "super" => {
                let mut parent = here();
                parent.pop();
                (module.root.clone(), parent)
            }
            name if name == self.crate_name => (PathBuf::from("lib.rs"), Vec::new()),
            name => {
                let mut child = here();
                child.push(name.to_owned());
                let child = Module { root: module.root.clone(), path: child };
                if !self.modules.contains_key(&child) {
                    return None;
                }
                (child.root, child.path)
            }
        };
        for part in parts {
            if part == "super" {
                absolute.pop();
            } else {
                absolute.push(part.clone());
            }
        }
        Some(Module { root, path: absolute })
    }

    /// The files that an absolute path leads to, through re-exports.
    fn files(&self, absolute: &Module, most_reexports: usize) -> Vec<&'a Source> {
        // The longest beginning of the path that is a module with a file.
        let module_length = (0..=absolute.path.len()).rev().find(|length| {
            let module = Module { root: absolute.root.clone(), path: absolute.path[..*length].to_vec() };
            self.modules.contains_key(&module)
        });
        let Some(length) = module_length else { return Vec::new() };
        let module = Module { root: absolute.root.clone(), path: absolute.path[..length].to_vec() };
        let source = self.modules[&module];
        let Some(name) = absolute.path.get(length) else { return vec![source] };
        let imports = self.imports.get(&(module.clone(), name.as_str()));
        let Some(imports) = imports.filter(|_| most_reexports > 0) else {
            return match self.macros.get(name.as_str()) {
                Some(definition) if module.path.is_empty() => vec![definition],
                _ => vec![source],
            };
        };
        let mut files = Vec::new();
        for import in imports {
            // An import from outside the crate leads to none of its files.
            let Some(mut target) = self.absolute(&module, import) else { continue };
            target.path.extend_from_slice(&absolute.path[length + 1..]);
            files.extend(self.files(&target, most_reexports - 1));
        }
        files
    }
}
