//! Prints which room of each crate uses which.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use prof_rooms::{Arrow, CRATES, Crate, Page};

const HELP: &str = "\
Prints the structure of the crates: their rooms from the top down, which room uses which, what uses a room below it, and
circles of files.

Usage: rooms [OPTIONS] [CRATE]...

Arguments:
  [CRATE]...     prof-macros, prof-runtime, timer-watchdog; all by default

Options:
  --root DIR     The checkout to read [default: this one]
  --entries      Take each file and directory of `src` as a room, in an order in which few use one below them. For
                 checkouts whose ARCHITECTURE.md has no table of rooms
  --uses         List every use of another room, with its line
  --help         Print this help
";

/// What the command line asks for.
struct Options {
    root: PathBuf,
    are_entries_rooms: bool,
    lists_uses: bool,
    crates: Vec<String>,
}

fn main() -> ExitCode {
    let run = || -> Result<(), Box<dyn std::error::Error>> {
        let Some(options) = parse(env::args().skip(1))? else {
            print!("{HELP}");
            return Ok(());
        };
        options.crates.iter().try_for_each(|name| print(&options, name))
    };
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rooms: {error}");
            ExitCode::from(2)
        }
    }
}

/// Parses the command line; none where it asks for help.
fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Option<Options>, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut options = Options { root, are_entries_rooms: false, lists_uses: false, crates: Vec::new() };
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--help" | "-h" => return Ok(None),
            "--root" => options.root = arguments.next().ok_or("--root needs a directory")?.into(),
            "--entries" => options.are_entries_rooms = true,
            "--uses" => options.lists_uses = true,
            name if CRATES.contains(&name) => options.crates.push(argument),
            other => {
                return Err(format!("{other:?} is neither an option nor one of {}; see --help", CRATES.join(", ")));
            }
        }
    }
    if options.crates.is_empty() {
        options.crates = CRATES.map(str::to_owned).into();
    }
    Ok(Some(options))
}

fn print(options: &Options, name: &str) -> Result<(), Box<dyn std::error::Error>> {
    let page = if options.are_entries_rooms {
        None
    } else {
        let page = options.root.join("ARCHITECTURE.md");
        let text = fs::read_to_string(&page).map_err(|error| format!("cannot read {}: {error}", page.display()))?;
        Some(Page::new(text))
    };
    let read = Crate::read(&options.root.join(name), page.as_ref())?;
    let arrows = read.arrows();
    let down: Vec<&Arrow> = arrows.iter().filter(|arrow| arrow.is_down()).collect();
    let circles = read.circles();
    let across = circles.iter().filter(|circle| read.rooms_of(circle).len() > 1).count();
    println!(
        "{name}: {} rooms, {} files, {} arrows between rooms, {} to a room below; {} circles of files, {across} across rooms",
        read.rooms().len(),
        read.sources().len(),
        arrows.len(),
        down.len(),
        circles.len(),
    );
    for (room, title) in read.rooms().iter().enumerate() {
        let used = |arrow: &&Arrow| arrow.from == room;
        let used: Vec<String> = arrows
            .iter()
            .filter(used)
            .map(|arrow| {
                format!(
                    "{}{} {}",
                    if arrow.is_down() { "BELOW " } else { "" },
                    read.rooms()[arrow.to].join(" "),
                    arrow.uses.len()
                )
            })
            .collect();
        println!("  {:<24} {}", title.join(" "), used.join(", "));
    }
    for arrow in arrows.iter().filter(|arrow| arrow.is_down() || options.lists_uses) {
        for one in &arrow.uses {
            println!("  {}:{}: {} is {}", one.file.display(), one.line, one.path, one.used.display());
        }
    }
    for circle in circles {
        let files: Vec<String> = circle.iter().map(|file| file.display().to_string()).collect();
        let rooms = read.rooms_of(&circle).len();
        println!(
            "  circle of {} files in {rooms} {}: {}",
            files.len(),
            if rooms == 1 { "room" } else { "rooms" },
            files.join(", ")
        );
    }
    println!();
    Ok(())
}
