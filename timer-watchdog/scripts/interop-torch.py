#!/usr/bin/env python3
"""Shows that the timers of this crate and PyTorch's own understand each other, in both directions.

    python3 scripts/interop-torch.py [WHEEL]

Builds the command, takes the current torch wheel from the Python registry unless a wheel is given (about 540 MB, into a
temporary folder), and uses its torch/distributed/elastic/timer as it is. What that imports besides is replaced by stubs.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

CRATE = Path(__file__).resolve().parent.parent
TIMER = "torch/distributed/elastic/timer/"

# A worker as users write it: PyTorch's client, PyTorch's `expires`.
WORKER = """
import os, sys, time
import torch.distributed.elastic.timer as timer
timer.configure(timer.FileTimerClient(os.environ["TORCHELASTIC_TIMER_FILE"]))
after, takes = map(float, sys.argv[1:])
with timer.expires(after=after, scope="training step"):
    time.sleep(takes)
"""

# A launcher of eight workers, the even ones stuck.
LAUNCHER = """
import subprocess, sys
worker = sys.argv[1]
times = [("0.3", "600") if rank % 2 == 0 else ("60", "0.1") for rank in range(8)]
workers = [subprocess.Popen([sys.executable, worker, *time]) for time in times]
print([worker.wait() for worker in workers])
"""

# PyTorch's server, whose kills are noted and not carried out.
SERVER = """
import sys, threading
import torch.distributed.elastic.timer as timer
events = []
server = timer.FileTimerServer(sys.argv[1], run_id="interop", max_interval=0.1,
                               log_event=lambda name, request: print(name, request and request.to_json(), flush=True))
server._reap_worker = lambda pid, signal: True
server.start()
print("serving", flush=True)
sys.stdin.read()
server.stop()
print("requests", server._request_count, "timers", len(server._timers), flush=True)
"""


def unpack(wheel: Path, folder: Path) -> str:
    """Takes the timers out of the wheel and puts stubs around them; returns the version."""
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.startswith(TIMER) and name.endswith(".py"):
                archive.extract(name, folder)
    for package in ["torch", "torch/distributed", "torch/distributed/elastic", "torch/distributed/elastic/utils"]:
        (folder / package).mkdir(parents=True, exist_ok=True)
        (folder / package / "__init__.py").touch()
    (folder / "torch/distributed/elastic/utils/logging.py").write_text(
        "import logging\n\ndef get_logger(name=None):\n    return logging.getLogger(name)\n")
    (folder / "typing_extensions.py").write_text(
        "from typing import *\nimport typing\n\n"
        "def TypeVar(name, *bounds, default=None, **more):\n    return typing.TypeVar(name, *bounds, **more)\n\n"
        "def ParamSpec(name, default=None, **more):\n    return typing.ParamSpec(name, **more)\n")
    return re.match(r"torch-([^-]+)-", wheel.name)[1]


def check(what: str, found, expected) -> None:
    print(f"{'ok ' if found == expected else 'NOT'} {what}: {found}")
    if found != expected:
        sys.exit(f"expected {expected}")


def their_client_and_our_command(watchdog: Path, folder: Path, environment: dict) -> None:
    worker, launcher = folder / "worker.py", folder / "launcher.py"
    worker.write_text(WORKER)
    launcher.write_text(LAUNCHER)

    def run(*command) -> subprocess.CompletedProcess:
        command = [watchdog, "run", "--", sys.executable, *command]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)

    stuck = run(worker, "0.3", "600")
    check("their client, our command: a stuck worker dies by SIGKILL", stuck.returncode, 128 + signal.SIGKILL)
    print("    " + stuck.stderr.strip())
    healthy = run(worker, "60", "0.1")
    check("their client, our command: a healthy worker exits", (healthy.returncode, healthy.stderr), (0, ""))
    half = run(launcher, worker)
    check("their client, our command: 8 workers, half stuck", half.stdout.strip(), str([-9, 0] * 4))
    check("one line for each stuck worker", len(half.stderr.splitlines()), 4)


def our_client_and_their_server(watchdog: Path, folder: Path, environment: dict) -> None:
    script, pipe = folder / "server.py", folder / "theirs"
    script.write_text(SERVER)
    server = subprocess.Popen([sys.executable, script, pipe], env=environment, text=True,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    lines = iter(server.stdout.readline, "")
    assert next(line for line in lines if line.startswith("serving"))

    def send(action: str, scope: str, *more: str) -> None:
        command = [watchdog, "send", action, "--timer-file", pipe, "--scope", scope, "--pid", str(os.getpid()), *more]
        subprocess.run(command, check=True, env=environment)

    send("acquire", "released in time", "--after", "60s")
    send("release", "released in time")
    send("acquire", "stück \n\"quoted\"", "--after", "100ms", "--signal", "TERM")
    expired = next(line for line in lines if line.startswith("timer expired"))
    check("our client, their server: a timer that was released has expired", "released" in expired, False)
    check("our client, their server: its scope came through", "st\\u00fcck \\n\\\"quoted\\\"" in expired, True)
    check("our client, their server: its signal came through", '"signal": 15' in expired, True)
    killed = next(line for line in lines if line.startswith("kill"))
    check("our client, their server: it would kill", killed.split(" {")[0], "kill worker process")
    server.stdin.close()
    last = [line for line in lines][-1].strip()
    check("our client, their server: nothing is lost", last, "requests 3 timers 0")
    server.wait()


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if len(sys.argv) > 1:
            wheel = Path(sys.argv[1])
        else:
            subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, "torch"],
                           check=True)
            wheel = next(folder.glob("torch-*.whl"))
        version = unpack(wheel, folder)
        build = ["cargo", "build", "--quiet", "--locked", "-p", "timer-watchdog", "--features", "cli"]
        subprocess.run(build, cwd=CRATE, check=True)
        target = Path(os.environ.get("CARGO_TARGET_DIR", CRATE.parent / "target"))
        watchdog = target / "debug/timer-watchdog"
        environment = {**os.environ, "PYTHONPATH": str(folder)}
        environment.pop("TIMER_WATCHDOG_FILE", None)
        start = time.monotonic()
        print(f"torch {version}, Python {sys.version.split()[0]}")
        their_client_and_our_command(watchdog, folder, environment)
        our_client_and_their_server(watchdog, folder, environment)
        print(f"all as expected, in {time.monotonic() - start:.1f} s")


if __name__ == "__main__":
    main()
