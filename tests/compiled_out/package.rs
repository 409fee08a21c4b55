//! A package outside the workspace that depends on the crates without their feature `enabled`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// A package of one program.
pub(crate) struct Package {
    directory: PathBuf,
}

impl Package {
    /// Creates the package in a directory of its own.
    pub(crate) fn new(name: &str) -> Self {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled-out").join(name);
        fs::create_dir_all(directory.join("src")).unwrap();
        let manifest = format!(
            "[package]\nname = \"compiled-out\"\nedition = \"2024\"\n\n[dependencies]\n\
             prof-runtime = {{ path = '{ROOT}/prof-runtime', default-features = false }}\n\
             timer-watchdog = {{ path = '{ROOT}/timer-watchdog', default-features = false }}\n\n[workspace]\n"
        );
        fs::write(directory.join("Cargo.toml"), manifest).unwrap();
        // The same versions as the workspace has: nothing is looked up.
        fs::copy(Path::new(ROOT).join("Cargo.lock"), directory.join("Cargo.lock")).unwrap();
        let package = Self { directory };
        package.write("fn main() {}");
        package
    }

    /// Returns the path of `main.rs`.
    pub(crate) fn source(&self) -> PathBuf {
        self.directory.join("src/main.rs")
    }

    /// Returns the path of the program.
    pub(crate) fn program(&self) -> PathBuf {
        self.target().join("release/compiled-out").with_extension(std::env::consts::EXE_EXTENSION)
    }

    /// Builds the program for release, and returns its bytes.
    pub(crate) fn build(&self, program: &str) -> Vec<u8> {
        self.write(program);
        self.cargo(&["build", "--release"]);
        fs::read(self.program()).unwrap()
    }

    /// Compiles the program with optimization and with these of its dependencies, which were built, and returns its
    /// bytes.
    pub(crate) fn compile(&self, program: &str, dependencies: &[&str]) -> Vec<u8> {
        self.write(program);
        let libraries = self.target().join("release/deps");
        let mut command = Command::new("rustc");
        command.args(["--crate-name=compiled_out", "--edition=2024", "-O", "-Cmetadata=the-same"]).arg(self.source());
        command.arg("-L").arg(format!("dependency={}", libraries.display()));
        for name in dependencies {
            command.arg("--extern").arg(format!("{name}={}", find(&libraries, &format!("lib{name}-")).display()));
        }
        let program = self.target().join("compiled");
        succeed(command.arg("-o").arg(&program));
        fs::read(program).unwrap()
    }

    /// Checks a program that has mistakes, and returns what the compiler says of them.
    pub(crate) fn fail(&self, program: &str) -> String {
        self.write(program);
        let output = self.command(&["check"]).output().unwrap();
        assert!(!output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// Runs cargo, and returns what it prints.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> String {
        String::from_utf8(succeed(&mut self.command(arguments)).stdout).unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO"));
        command.args(arguments).args(["--offline", "--color=never"]).current_dir(&self.directory);
        // Flags of the caller's, such as those for coverage, may put paths and counters into the program.
        command.env("CARGO_TARGET_DIR", self.target()).env("RUSTFLAGS", "").env_remove("CARGO_ENCODED_RUSTFLAGS");
        command
    }

    fn target(&self) -> PathBuf {
        self.directory.join("target")
    }

    fn write(&self, program: &str) {
        fs::write(self.source(), program).unwrap();
    }
}

/// Finds the library whose file has a name that begins so.
fn find(directory: &Path, prefix: &str) -> PathBuf {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let is_library = |path: &PathBuf| {
        let is_named_so = path.file_name().unwrap().to_string_lossy().starts_with(prefix);
        is_named_so && path.extension().is_some_and(|extension| extension == "rlib")
    };
    entries.into_iter().find(is_library).unwrap()
}

/// Runs a command that must succeed.
pub(crate) fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}
