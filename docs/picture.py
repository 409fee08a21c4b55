#!/usr/bin/env python3
"""Draws docs/report.svg, the README's picture, from a run of its first command in a terminal of 128 columns.

    pip install rich && docs/picture.py

Arguments, if any, are the command to run instead.
"""

import fcntl
import io
import os
import pathlib
import pty
import re
import struct
import subprocess
import sys
import termios

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

ROOT = pathlib.Path(__file__).parent.parent
COLUMNS = 128
COMMAND = "cargo run --release --bin profile_sources".split()


def run(command: list[str]) -> str:
    """Runs `command` in the root of the repository and returns what a terminal would show."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", "CARGO_TERM_QUIET": "true"}
    process = subprocess.Popen(command, cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    output = b""
    try:
        while piece := os.read(ours, 65536):
            output += piece
    except OSError:
        pass  # Linux reports the end of the last process on a terminal as an error.
    if process.wait() != 0:
        sys.exit(f"{' '.join(command)} failed:\n{output.decode(errors='replace')}")
    return output.decode().replace("\r\n", "\n")


def main() -> None:
    shown = run(sys.argv[1:] or COMMAND)
    # What overwrites a line of its own is no longer there at the end.
    lines = [line for line in shown.splitlines() if not re.search(r"\d+/\d+ files", line)]
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text("$ " + " ".join(COMMAND), style="bold green"))
    console.print(Text.from_ansi("\n".join(lines)))
    # Without an identifier of its own, the picture would differ with every character of the text.
    svg = console.export_svg(title="profile_sources", theme=MONOKAI, unique_id="report")
    # Browsers load no font for a picture of a page.
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    (ROOT / "docs" / "report.svg").write_text(svg)


main()
