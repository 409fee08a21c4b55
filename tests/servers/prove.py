#!/usr/bin/env python3
"""Has real servers receive what examples/services/observed_service.rs exports, and compares what they say with its own snapshot.

    tests/servers/prove.py prometheus    # needs prometheus and promtool: apt-get install prometheus
    tests/servers/prove.py native        # the same, with native histograms
    tests/servers/prove.py rules         # likewise; takes two minutes
    tests/servers/prove.py dashboard     # needs the npm packages @grafana/schema and typescript: NODE_MODULES=node_modules
    tests/servers/prove.py statsd        # needs the npm package statsd: STATSD=node_modules/statsd/stats.js
    tests/servers/prove.py otlp          # needs the Python package rotel, in the environment of this Python

Opt-in: not part of .ci/run. Everything listens on loopback, on ports that are free, and is ended at the end.
"""

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REQUESTS = 2000


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(what, attempt, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, LookupError, ValueError):
            if (result := attempt()) is not None:
                return result
        time.sleep(0.2)
    sys.exit(f"no {what} after {seconds} s")


@contextlib.contextmanager
def running(command, **options):
    process = subprocess.Popen(command, **options)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=30)


@contextlib.contextmanager
def service(prof, requests=REQUESTS, **env):
    """Yields the service after its load."""
    build = ["cargo", "build", "-F", "services", "--bin", "observed_service", "--message-format=json"]
    output = subprocess.run(build, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    artifacts = [json.loads(line).get("executable") for line in output.splitlines()]
    command = [next(path for path in artifacts if path), "--serve", "--requests", str(requests)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}
    with running(command, env={**os.environ, "PROF": prof, **env}, **pipes) as process:
        line = process.stdout.readline()
        print("service:", line.strip())
        yield process
        process.stdin.close()
        assert process.wait(timeout=30) == 0


def snapshot(process):
    process.stdin.write("\n")
    process.stdin.flush()
    while not (line := process.stdout.readline()).startswith("{"):
        assert line, "the service has ended"
    functions = {function["name"]: function for function in json.loads(line)["functions"]}
    return functions


def lower_ns(bucket):
    """The shortest duration of a bucket: 16 of them per power of two, after one for 0."""
    exponent, sixteenths = divmod(bucket - 1, 16)
    return -(-((16 + sixteenths) << exponent) // 16) if bucket else 0


def quantile_ns(function, quantile):
    """As Histogram::quantile_ns: the middle of the bucket."""
    counts = function["histogram"]
    rank = max(1, -(-sum(count for _, count in counts) * quantile // 1))
    for bucket, count in counts:
        rank -= count
        if rank <= 0:
            return (lower_ns(bucket) + lower_ns(bucket + 1) - 1) / 2
    return None


def check(what, theirs, ours, factor=1.0):
    is_right = ours / factor <= theirs <= ours * factor
    print(f"{'ok' if is_right else 'WRONG':5} {what:42} server {theirs:<22} snapshot {ours}")
    if not is_right:
        sys.exit(1)


def failed(function):
    return function["failure"] + function["panic"]


def blocks(page, language):
    """What a page has between fences, in a language."""
    text = (ROOT / "docs" / page).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)


def documented_queries():
    """The queries of the page, by what they answer."""
    rows = re.findall(r"^\| (.+?) \| `(.+)` \|$", (ROOT / "docs/prometheus.md").read_text(), re.M)
    return {question: query.replace("\\|", "|") for question, query in rows}


def promtool(*arguments, **options):
    checked = subprocess.run(["promtool", *arguments], capture_output=True, text=True, **options)
    print(f"promtool {' '.join(arguments[:2])}:", checked.returncode, checked.stdout.strip(), checked.stderr.strip())
    assert checked.returncode == 0


@contextlib.contextmanager
def scraping(served, *flags):
    """Has Prometheus scrape a port, by the configuration of the page. Yields a function that asks it for all samples."""
    (documented,) = blocks("prometheus.md", "yaml")
    assert documented.count("127.0.0.1:9464") == 1, "the page scrapes the address that it listens on"
    port = free_port()
    with tempfile.TemporaryDirectory() as directory:
        config = Path(directory, "prometheus.yml")
        config.write_text(documented)
        promtool("check", "config", str(config))
        # Another port, which is free, and more often than once a minute.
        scrape = "global:\n  scrape_interval: 1s\n" + documented.replace("9464", str(served))
        config.write_text(scrape)
        promtool("check", "config", str(config))
        command = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={directory}/data"]
        command += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=error", *flags]

        def query(expression):
            url = f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
            with urllib.request.urlopen(url, timeout=5) as answer:
                return json.load(answer)["data"]["result"]

        with running(command):
            wait_for("Prometheus", lambda: query("vector(1)"))
            yield query


def value(result):
    """Of the first sample."""
    return float(result[0]["value"][1])


def prometheus():
    served = free_port()
    with scraping(served) as samples, service(f"prometheus:{served}") as process:
        def query(expression):
            return value(samples(expression))

        load = snapshot(process)["load"]
        with urllib.request.urlopen(f"http://127.0.0.1:{served}/metrics", timeout=5) as answer:
            promtool("check", "metrics", input=answer.read().decode())
        calls = load["success"] + failed(load)
        wait_for("scrape of the last call", lambda: query('sum(prof_calls_total{function="load"})') == calls or None)
        check("calls of load", query('sum(prof_calls_total{function="load"})'), calls)
        check("failures of load", query('prof_calls_total{function="load",outcome="failure"}'), load["failure"])
        ratio = 'sum(prof_calls_total{function="load",outcome=~"failure|panic"}) / sum(prof_calls_total{function="load"})'
        check("error ratio of load", query(ratio), failed(load) / calls)
        for quantile in (0.5, 0.9, 0.99):
            theirs = query(f'histogram_quantile({quantile}, prof_call_duration_seconds_bucket{{function="load"}})')
            # Within the width of a bucket, by default a power of two.
            check(f"p{quantile * 100:g} of load in s", theirs, quantile_ns(load, quantile) / 1e9, 2)
        total = query('prof_call_duration_seconds_sum{function="load"}')
        check("total of load in s", total, load["total_ns"] / 1e9, 1.000001)
        check("a function never called", query('sum(prof_calls_total{function="DELETE /orders"})'), 0)
        check("calls in flight", query('sum(prof_calls_in_flight)'), 0)
        check("prof_value", query('prof_value{name="bytes sent"}'), REQUESTS * 100)
        check("up", query("up"), 1)
    answer_documented_queries()


def answer_documented_queries():
    """Every query of the page, while calls are being made: rates need two scrapes with calls in between."""
    served = free_port()
    # Something that may lose metrics, so that what was lost is asked of something.
    with tempfile.TemporaryDirectory() as directory, scraping(served) as samples:
        with service(f"prometheus:{served},json:{directory}/points", requests=5_000) as process:
            load = snapshot(process)["load"]
            calls = load["success"] + failed(load)
            wait_for("scrape of the last call", lambda: samples(f'sum(prof_calls_total{{function="load"}}) == {calls}') or None)
            answers = {question: samples(query) for question, query in documented_queries().items()}

    def of_load(question):
        return value([one for one in answers.pop(question) if one["metric"]["function"] == "load"])

    assert of_load("rate") > 0, "the page's rate of load"
    check("the page's error ratio of load", of_load("error ratio"), failed(load) / calls, 1.2)
    check("the page's p99 of load in s", of_load("p99 in seconds"), quantile_ns(load, 0.99) / 1e9, 2)
    # Nothing is.
    check("the page's rate of losses", value(answers.pop("what was lost")), 0)
    answers.pop("p99 in seconds, native histograms")  # See native().
    assert not answers, f"no one looked at the answers to {list(answers)}"


def native():
    served = free_port()
    with scraping(served, "--enable-feature=native-histograms") as samples, service(f"prometheus:{served}", 5_000) as process:
        load = snapshot(process)["load"]
        calls = load["success"] + failed(load)
        of_load = 'prof_call_duration_seconds{function="load"}'
        wait_for("scrape of the last call", lambda: samples(f"histogram_count({of_load}) == {calls}") or None)
        check("count of load", value(samples(f"histogram_count({of_load})")), calls)
        total = value(samples(f"histogram_sum({of_load})"))
        check("total of load in s", total, load["total_ns"] / 1e9, 1.000001)
        for quantile in (0.5, 0.9, 0.99, 0.999):
            theirs = value(samples(f"histogram_quantile({quantile}, {of_load})"))
            # A bucket that is 9 % wide, against the middle of one that is 6 % wide.
            check(f"p{quantile * 100:g} of load in s", theirs, quantile_ns(load, quantile) / 1e9, 1.1)
        check("calls of load", value(samples('sum(prof_calls_total{function="load"})')), calls)
        never = 'histogram_count(prof_call_duration_seconds{function="DELETE /orders"})'
        check("a function never called", value(samples(never)), 0)
        documented = samples(documented_queries()["p99 in seconds, native histograms"])
        theirs = value([one for one in documented if one["metric"]["function"] == "load"])
        check("the page's p99 of load in s", theirs, quantile_ns(load, 0.99) / 1e9, 1.1)
        check("series of a duration", value(samples(f"count({of_load})")), 1)
        check("series of its classic buckets", len(samples("prof_call_duration_seconds_bucket")), 0)


def statsd():
    stats = os.environ.get("STATSD", "node_modules/statsd/stats.js")
    port, management = free_port(socket.SOCK_DGRAM), free_port()
    with tempfile.TemporaryDirectory() as directory:
        # Has the daemon write down what it would hand to its storage, once a second.
        backend, config, log = (Path(directory, name) for name in ("backend.js", "config.js", "flushed.json"))
        flushed = "(_, metrics) => console.log(JSON.stringify({counters: metrics.counters, timers: metrics.timers}))"
        backend.write_text(f"exports.init = (_, __, events) => {{ events.on('flush', {flushed}); return true; }};")
        settings = {"port": port, "address": "127.0.0.1", "mgmt_port": management, "mgmt_address": "127.0.0.1"}
        config.write_text(json.dumps({**settings, "backends": [str(backend)], "flushInterval": 1000})[1:-1].join("{}"))

        def arrived():
            """The counters of all flushes, and the timers."""
            counters, timers = {}, []
            for line in log.read_text().splitlines():
                if line.startswith('{"counters"'):
                    flush = json.loads(line)
                    for name, count in flush["counters"].items():
                        counters[name] = counters.get(name, 0) + count
                    timers += flush["timers"].get("load.duration", [])
            return counters, sorted(timers)

        with log.open("w") as out, running(["node", stats, str(config)], stdout=out):
            wait_for("daemon", lambda: "statsd.bad_lines_seen" in arrived()[0] or None)
            with service(f"statsd:127.0.0.1:{port}") as process:
                load = snapshot(process)["load"]
                sent = load["success"] + failed(load)
                wait_for("the last call", lambda: len(arrived()[1]) >= sent or None)
            counters, timers = arrived()
            check("load.success|c", counters["load.success"], load["success"])
            check("load.failure|c", counters["load.failure"], load["failure"])
            check("bytes sent|c", counters["bytes_sent"], REQUESTS * 100)
            check("lines that it did not understand", counters["statsd.bad_lines_seen"], 0)
            check("load.duration|ms, how many", len(timers), sent)
            check("load.duration|ms, sum", sum(timers), load["total_ns"] / 1e6, 1.000001)
            for quantile in (0.5, 0.99):
                theirs = timers[max(0, int(-(-len(timers) * quantile // 1)) - 1)]
                check(f"load.duration|ms, p{quantile * 100:g}", theirs, quantile_ns(load, quantile) / 1e6, 1.033)


def otlp():
    import rotel

    agent = Path(rotel.__file__).with_name("rotel-agent")
    port, grpc = free_port(), free_port()
    with tempfile.TemporaryDirectory() as directory:
        log = Path(directory, "received.log")
        command = [agent, "start", f"--otlp-http-endpoint=127.0.0.1:{port}", f"--otlp-grpc-endpoint=127.0.0.1:{grpc}"]
        command += ["--exporter=blackhole", "--debug-log=metrics", "--debug-log-verbosity=detailed"]
        with log.open("w") as out, running(command, stdout=out, stderr=out):
            wait_for("collector", lambda: socket.create_connection(("127.0.0.1", port), timeout=5).close() or True)
            by_grpc = {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
            compressed = {"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"}
            for to, how in [(port, {}), (port, compressed), (grpc, by_grpc), (grpc, {**by_grpc, **compressed})]:
                before = len(log.read_text())
                env = {"OTEL_SERVICE_NAME": "observed", "OTEL_METRIC_EXPORT_INTERVAL": "1000", **how}
                with service(f"otlp:http://127.0.0.1:{to}", **env) as process:
                    load = snapshot(process)["load"]
                received = lambda: log.read_text()[before:]
                wait_for("the push", lambda: "prof.call.duration" in received() or None)
                print(how or "over http")
                compare_otlp(received(), load)


def points(text, metric):
    """The attributes and the text of each data point of a metric, in the last push that the collector wrote down."""
    block = text[text.rindex(f"-> Name: {metric}\n"):].split("\nMetric #")[0]
    for point in re.split(r"DataPoints? #\d+\n", block)[1:]:
        yield dict(re.findall(r"-> ([\w.]+): Str\((.*)\)", point)), point


def compare_otlp(text, load):
    is_load = {"code.function.name": "load", "prof.group": "store"}.items()
    for attributes, point in points(text, "prof.calls"):
        if is_load <= attributes.items():
            outcome = attributes["outcome"]
            check(f"prof.calls of load, {outcome}", int(re.search(r"Value: (\d+)", point)[1]), load[outcome])
    (point,) = (point for attributes, point in points(text, "prof.call.duration") if is_load <= attributes.items())
    buckets = re.findall(r"Bucket \(([\d.e-]+), ([\d.e-]+)\], Count: (\d+)", point)
    counts = [(float(upper), int(count)) for _, upper, count in buckets]
    calls = load["success"] + failed(load)
    check("prof.call.duration, count", int(re.search(r"^Count: (\d+)", point, re.M)[1]), calls)
    check("prof.call.duration, all buckets", sum(count for _, count in counts), calls)
    check("prof.call.duration, sum in s", float(re.search(r"^Sum: ([\d.]+)", point, re.M)[1]), load["total_ns"] / 1e9, 1.000001)
    for quantile in (0.5, 0.99):
        rank = calls * quantile
        theirs = next(upper for at, (upper, _) in enumerate(counts) if sum(count for _, count in counts[: at + 1]) >= rank)
        # The end of a bucket that is 9 % wide, against the middle of one that is 6 % wide.
        check(f"prof.call.duration, p{quantile * 100:g} in s", theirs, quantile_ns(load, quantile) / 1e9, 1.13)
    values = {attributes["prof.name"]: point for attributes, point in points(text, "prof.value")}
    check("prof.value", int(re.search(r"Value: (\d+)", values["bytes sent"])[1]), REQUESTS * 100)


if __name__ == "__main__":
    import objectives

    proofs = {"prometheus": prometheus, "native": native, "statsd": statsd, "otlp": otlp}
    proofs |= {"rules": objectives.rules, "dashboard": objectives.dashboard}
    if len(sys.argv) != 2 or sys.argv[1] not in proofs:
        sys.exit(__doc__)
    proofs[sys.argv[1]]()
    print(f"{sys.argv[1]}: what the server says is what the program counted")
