//! The handlers of the annotated crates while their tests run: none, or an aggregator that a linked crate registers.

use std::fs;
use std::path::{Path, PathBuf};

use super::source::{self, work};
use crate::subject::{Subject, named};

/// The handlers.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Listening {
    #[default]
    Nothing,
    /// An aggregator, to all calls of the process.
    Aggregator,
    /// Also a scope in every test, with an aggregator of its own.
    Scopes,
}

/// The name of the crate that registers the aggregator.
const NAME: &str = "prof-listening";

/// What stands at the head of every test where scopes are asked for.
const SCOPE: &str = " let __scope = ::prof_listening::scope();";

/// The variable with the path of the file that the crate appends to how many calls were counted.
pub(crate) const COUNTED: &str = "PROF_LISTENING_COUNTED";

/// The crate: it has no reason to be used but that it is linked, and says at exit what it counted, so that a run in
/// which nothing listened is told from one without a difference.
const CRATE: &str = r#"
use prof_runtime::{Aggregator, ScopedHandler};
use std::io::Write as _;
use std::sync::LazyLock;

static ALL: LazyLock<Aggregator> = LazyLock::new(Aggregator::new);
static SCOPED: LazyLock<Aggregator> = LazyLock::new(Aggregator::new);

unsafe extern "C" {
    fn atexit(callback: extern "C" fn()) -> i32;
}

prof_runtime::register_handler!({
    // SAFETY: the callback takes nothing and cannot unwind.
    unsafe { atexit(tell) };
    ALL.clone()
});

/// Has this thread's calls counted by an aggregator of its own until the scope is dropped.
pub fn scope() -> ScopedHandler {
    prof_runtime::scoped(SCOPED.clone())
}

extern "C" fn tell() {
    let Some(path) = std::env::var_os("PROF_LISTENING_COUNTED") else { return };
    let count = |aggregator: &Aggregator| -> u64 {
        aggregator.snapshot().functions.iter().map(|function| function.calls()).sum()
    };
    let Ok(mut file) = std::fs::OpenOptions::new().append(true).create(true).open(path) else { return };
    let _ = writeln!(file, "{} {}", count(&ALL), count(&SCOPED));
}
"#;

impl Listening {
    /// What stands in tests.
    pub(crate) fn in_tests(self) -> Option<&'static str> {
        (self == Self::Scopes).then_some(SCOPE)
    }

    /// Links the crate to a copy, if anyone is to listen.
    pub(crate) fn link(self, copy: &Path) {
        if self == Self::Nothing {
            return;
        }
        let directory = written();
        source::edit(copy, |document| {
            let dependencies = document.entry("dependencies").or_insert_with(toml_edit::table);
            let mut dependency = toml_edit::InlineTable::new();
            dependency.insert("path", directory.to_string_lossy().as_ref().into());
            dependencies[NAME] = toml_edit::value(dependency);
        });
        let root = copy.join("src/lib.rs");
        let text = fs::read_to_string(&root).expect("a library has a root");
        // At the end, so that no line moves. A crate that no code names is not linked.
        fs::write(&root, text + "\nextern crate prof_listening as _;\n").expect("the target directory can be written");
    }
}

/// Writes the crate, and returns where it lies.
fn written() -> PathBuf {
    let directory = work().join("listening");
    fs::create_dir_all(directory.join("src")).expect("the target directory can be written");
    let ours: &Subject = named(crate::subject::OURS).expect("it is in the list");
    let dependency = ours.dependency();
    let manifest = format!(
        "[package]\nname = \"{NAME}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n[dependencies]\n\
         prof-runtime = {dependency}\n"
    );
    fs::write(directory.join("Cargo.toml"), manifest).expect("the target directory can be written");
    fs::write(directory.join("src/lib.rs"), CRATE).expect("the target directory can be written");
    directory
}

/// How many calls were counted, by the aggregator of the process and by those of scopes, in the runs that the file is
/// about; and forgets them.
pub(crate) fn take_counted(file: &Path) -> (u64, u64) {
    let text = fs::read_to_string(file).unwrap_or_default();
    let _ = fs::remove_file(file);
    let counts = |line: &str| {
        let (all, scoped) = line.split_once(' ')?;
        Some((all.parse::<u64>().ok()?, scoped.parse::<u64>().ok()?))
    };
    text.lines().filter_map(counts).fold((0, 0), |sum, counts| (sum.0 + counts.0, sum.1 + counts.1))
}
