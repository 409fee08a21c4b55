//! Small programs, written for what can only be seen of a whole program: the size of its code, how long it takes to
//! compile, and what it costs with other profiles.
//!
//! They are laid into the folder that this program was built into, and share what was compiled there.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::BenchError;

/// What stands on every function of a program.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Variant {
    pub(crate) name: &'static str,
    /// Its name as a folder and as a package.
    slug: &'static str,
    attribute: &'static str,
    /// The lines of `[dependencies]`.
    dependencies: &'static str,
    /// The functions return a `Result`.
    is_fallible: bool,
}

/// In a manifest, the folder of this workspace.
const WORKSPACE: &str = "WORKSPACE";

/// The one without attributes.
pub(crate) const PLAIN: &str = "plain";
/// Ours.
pub(crate) const PROF: &str = "#[prof]";
/// The peer that the budgets compare to.
pub(crate) const TRACING: &str = "tracing #[instrument(skip_all)]";

/// Every variant, after the plain one that it is compared to.
const VARIANTS: &[Variant] = &[
    Variant { name: PLAIN, slug: "plain", attribute: "", dependencies: "", is_fallible: false },
    Variant {
        name: PROF,
        slug: "prof",
        attribute: "#[prof_runtime::prof]",
        dependencies: "prof-runtime = { path = 'WORKSPACE/prof-runtime' }",
        is_fallible: false,
    },
    Variant {
        name: "#[prof], compiled out",
        slug: "prof-disabled",
        attribute: "#[prof_runtime::prof]",
        dependencies: "prof-runtime = { path = 'WORKSPACE/prof-runtime', default-features = false }",
        is_fallible: false,
    },
    #[cfg(feature = "peers")]
    Variant {
        name: TRACING,
        slug: "tracing",
        attribute: "#[tracing::instrument(skip_all)]",
        dependencies: "tracing = '0.1.44'",
        is_fallible: false,
    },
    #[cfg(feature = "peers")]
    Variant {
        name: "fastrace #[trace]",
        slug: "fastrace",
        attribute: "#[fastrace::trace]",
        dependencies: "fastrace = { version = '0.7.19', features = ['enable'] }",
        is_fallible: false,
    },
    #[cfg(feature = "peers")]
    Variant {
        name: "hotpath #[measure]",
        slug: "hotpath",
        attribute: "#[hotpath::measure]",
        dependencies: "hotpath = { version = '0.30.3', features = ['hotpath'] }",
        is_fallible: false,
    },
    #[cfg(feature = "peers")]
    Variant {
        name: "autometrics #[autometrics]",
        slug: "autometrics",
        attribute: "#[autometrics::autometrics]",
        dependencies: "autometrics = { version = '3.0.0', features = ['prometheus-exporter'] }",
        is_fallible: false,
    },
    Variant { name: "plain, Result", slug: "plain-result", attribute: "", dependencies: "", is_fallible: true },
    Variant {
        name: "#[prof], Result",
        slug: "prof-result",
        attribute: "#[prof_runtime::prof]",
        dependencies: "prof-runtime = { path = 'WORKSPACE/prof-runtime' }",
        is_fallible: true,
    },
];

/// The variants whose name contains one of `filters`, all if there are none; the plain ones always.
pub(crate) fn chosen(filters: &[String]) -> impl Iterator<Item = &'static Variant> {
    VARIANTS.iter().filter(move |variant| {
        let matches = |filter: &String| variant.name.contains(filter.as_str());
        variant.is_plain() || filters.is_empty() || filters.iter().any(matches)
    })
}

/// A program that was written.
pub(crate) struct Generated {
    folder: PathBuf,
    target: PathBuf,
    package: String,
}

impl Variant {
    /// Nothing stands on its functions.
    pub(crate) fn is_plain(&self) -> bool {
        self.attribute.is_empty()
    }

    /// Writes the program with so many functions.
    pub(crate) fn generate(&self, functions: usize) -> Result<Generated, BenchError> {
        let package = format!("generated-{}-{functions}", self.slug);
        Generated::new(&package, &manifest(&package, self.dependencies), &self.source(functions))
    }

    fn source(&self, functions: usize) -> String {
        let Self { attribute, .. } = self;
        let (output, value, unwrap) = match self.is_fallible {
            true => ("Result<u64, u64>", "if y == 0 { Err(x) } else { Ok(y) }", ".unwrap_or(0)"),
            false => ("u64", "y", ""),
        };
        let mut source = String::new();
        let mut names = String::new();
        for n in 0..functions {
            // Different numbers, so that no two functions are the same and become one.
            let _ = writeln!(
                source,
                "{attribute}\nfn function_{n}(x: u64) -> {output} {{\n    let y = (x ^ {n}).wrapping_mul({});\n    \
                 let y = y ^ (y >> 29);\n    {value}\n}}\n",
                0x9e37_79b9_7f4a_7c15_u64.wrapping_add(2 * n as u64),
            );
            let _ = write!(names, "function_{n}, ");
        }
        let _ = writeln!(
            source,
            "static ALL: &[fn(u64) -> {output}] = &[{names}];\n\nfn main() {{\n    \
             let mut x = std::env::args().count() as u64;\n    \
             for function in std::hint::black_box(ALL) {{\n        x = function(x){unwrap};\n    }}\n    \
             println!(\"{{x}}\");\n}}",
        );
        source
    }
}

fn manifest(package: &str, dependencies: &str) -> String {
    format!(
        "[package]\nname = '{package}'\nversion = '0.0.0'\nedition = '2024'\n\n[workspace]\n\n\
         [dependencies]\n{dependencies}\n\n[profile.release]\ndebug = 'line-tables-only'\n"
    )
}

/// The folder that holds `release/prof-bench`.
fn target_folder() -> Result<PathBuf, BenchError> {
    let this = std::env::current_exe().map_err(BenchError::io("could not find this program"))?;
    Ok(this.ancestors().nth(2).unwrap_or(&this).to_owned())
}

impl Generated {
    /// Writes a program of one file. The manifest may say `WORKSPACE` for the folder of this workspace.
    pub(crate) fn new(package: &str, manifest: &str, main: &str) -> Result<Self, BenchError> {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let target = target_folder()?;
        let folder = target.join("prof-bench").join(package);
        let generated = Self { folder, target, package: package.to_owned() };
        generated.write("Cargo.toml", &manifest.replace(WORKSPACE, &workspace.display().to_string()))?;
        generated.write("src/main.rs", main)?;
        // The versions that this program was built with, whatever else has been published since.
        let lock = generated.folder.join("Cargo.lock");
        fs::copy(workspace.join("Cargo.lock"), lock).map_err(BenchError::io("could not copy Cargo.lock"))?;
        Ok(generated)
    }

    /// Writes a file of the program, so that the next build compiles it again.
    fn write(&self, path: &str, text: &str) -> Result<(), BenchError> {
        let path = self.folder.join(path);
        let folder = path.parent().unwrap_or(&self.folder);
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&path, text))
            .map_err(BenchError::io(format!("could not write {}", path.display())))
    }

    /// Makes the next build compile the program again, and nothing that it depends on.
    pub(crate) fn touch(&self, run: usize) -> Result<(), BenchError> {
        let path = self.folder.join("src/main.rs");
        let failed = || BenchError::io(format!("could not read {}", path.display()));
        let text = fs::read_to_string(&path).map_err(failed())?;
        self.write("src/main.rs", &format!("{text}// {run}\n"))
    }

    /// Runs cargo on the program, with these arguments.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Result<(), BenchError> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(arguments)
            .args(["--quiet", "--offline"])
            .current_dir(&self.folder)
            .env("CARGO_TARGET_DIR", &self.target)
            .env("CARGO_INCREMENTAL", "0")
            .output()
            .map_err(BenchError::io("could not run cargo"))?;
        BenchError::check("cargo", output).map(drop)
    }

    /// The program, once it was built with `--release`.
    pub(crate) fn program(&self) -> PathBuf {
        self.built("release")
    }

    /// The program, once it was built without.
    pub(crate) fn unoptimized(&self) -> PathBuf {
        self.built("debug")
    }

    fn built(&self, profile: &str) -> PathBuf {
        self.target.join(profile).join(&self.package).with_extension(std::env::consts::EXE_EXTENSION)
    }
}
