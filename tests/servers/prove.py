#!/usr/bin/env python3
"""Has real servers receive what examples/observed_service exports, and compares what they say with its own snapshot.

    tests/servers/prove.py prometheus    # needs prometheus and promtool: apt-get install prometheus
    tests/servers/prove.py rules         # likewise; takes about three minutes
    tests/servers/prove.py dashboard     # needs the npm packages @grafana/schema and typescript, in NODE_MODULES=node_modules
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


def build():
    """The path of the service's program."""
    command = ["cargo", "build", "--bin", "observed_service", "--message-format=json"]
    output = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    artifacts = [json.loads(line).get("executable") for line in output.splitlines()]
    return next(path for path in artifacts if path)


@contextlib.contextmanager
def service(prof, **env):
    """Yields the service after its load, and the lines that it printed."""
    command = [build(), "--serve", "--requests", str(REQUESTS)]
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


def quantile_ns(function, quantile):
    """As FunctionStats::quantile_ns, of the 16 buckets per power of two."""
    counts = function["histogram"]
    rank = max(1, -(-sum(count for _, count in counts) * quantile // 1))
    for bucket, count in counts:
        rank -= count
        if rank <= 0:
            shift = max(bucket // 16 - 1, 0)
            lower = bucket if bucket < 32 else (bucket % 16 + 16) << shift
            return lower + (1 << shift) / 2
    return None


def check(what, theirs, ours, factor=1.0):
    is_right = ours / factor <= theirs <= ours * factor
    print(f"{'ok' if is_right else 'WRONG':5} {what:42} server {theirs:<22} snapshot {ours}")
    if not is_right:
        sys.exit(1)


def failed(function):
    return function["failure"] + function["panic"]


def prometheus():
    port, served = free_port(), free_port()
    with tempfile.TemporaryDirectory() as directory:
        config = Path(directory, "prometheus.yml")
        scrape = {"job_name": "prof", "scrape_interval": "1s", "static_configs": [{"targets": [f"127.0.0.1:{served}"]}]}
        config.write_text(json.dumps({"scrape_configs": [scrape]}))
        command = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={directory}/data"]
        command += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]

        def query(expression):
            url = f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
            with urllib.request.urlopen(url, timeout=5) as answer:
                return float(json.load(answer)["data"]["result"][0]["value"][1])

        with running(command), service(f"prometheus:{served}") as process:
            ours = snapshot(process)
            load = ours["load"]
            with urllib.request.urlopen(f"http://127.0.0.1:{served}/metrics", timeout=5) as answer:
                text = answer.read()
            checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True)
            print("promtool check metrics:", checked.returncode, checked.stdout.decode(), checked.stderr.decode().strip())
            assert checked.returncode == 0
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


# The alerts that the misbehaving service must set off, as (alert, function, severity).
EXPECTED = {
    ("ProfTooManyFailures", "render", "page"),
    ("ProfTooManyFailures", "render", "ticket"),
    ("ProfTooManyFailures", "GET /orders", "ticket"),
    ("ProfTooManySlowCalls", "load", "page"),
    ("ProfTooManySlowCalls", "load", "ticket"),
}


def rules():
    """In a period of 12 h instead of 30 d, minutes of the rules' windows are seconds."""
    program = build()
    port, served = free_port(), free_port()
    with tempfile.TemporaryDirectory() as directory:
        usual, scaled, board, config = (Path(directory, name) for name in ("30d.yml", "12h.yml", "board.json", "prom.yml"))
        subprocess.run([program, "--rules", usual], check=True)
        subprocess.run([program, "--rules", scaled, "--period-hours", "12", "--dashboard", board], check=True)
        for file in (usual, scaled):
            checked = subprocess.run(["promtool", "check", "rules", file], capture_output=True, text=True)
            print("promtool check rules:", " ".join((checked.stdout + checked.stderr).split()))
            assert checked.returncode == 0
        rehearse(usual, Path(directory, "test.yml"))
        scrape = {"job_name": "shop", "static_configs": [{"targets": [f"127.0.0.1:{served}"]}]}
        intervals = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        config.write_text(json.dumps({"global": intervals, "rule_files": [str(scaled)], "scrape_configs": [scrape]}))
        command = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={directory}/data"]
        command += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]

        def api(path, **arguments):
            url = f"http://127.0.0.1:{port}/api/v1/{path}?" + urllib.parse.urlencode(arguments)
            with urllib.request.urlopen(url, timeout=5) as answer:
                return json.load(answer)["data"]

        def query(expression):
            return float(api("query", query=expression)["result"][0]["value"][1])

        def firing():
            labels = [alert["labels"] for alert in api("alerts")["alerts"] if alert["state"] == "firing"]
            return {(alert["alertname"], alert["function"], alert["severity"]) for alert in labels}

        def under_load(*options):
            load = [program, "--requests", "1000000", "--pause-ms", "100", *options]
            env = {**os.environ, "PROF": f"prometheus:{served},json:{directory}/points"}
            return running(load, env=env, stdout=subprocess.DEVNULL)

        def is_evaluated():
            results = [rule for group in api("rules")["groups"] for rule in group["rules"]]
            assert all(rule["health"] != "err" for rule in results), [rule["lastError"] for rule in results if "lastError" in rule]
            return len(api("query", query="function:prof_misses:ratio_rate1m")["result"]) == 3 or None

        with running(command):
            with under_load():
                wait_for("recorded ratio of each objective", is_evaluated)
                well = time.monotonic()
                while time.monotonic() < well + 30:
                    assert (found := firing()) == set(), f"well-behaved, and yet: {found}"
                    time.sleep(1)
                print("ok    no alert in 30 s of good behaviour")
                check("failures of GET /orders", query('function:prof_misses:ratio_rate30s{function="GET /orders"}'), 0.05, 2)
                check("budget of render", query('function:prof_error_budget:remaining{function="render"}'), 1)
            with under_load("--misbehave"):
                bad = time.monotonic()
                wait_for("alert of each kind", lambda: EXPECTED <= firing() or None, 300)
                print(f"ok    firing after {time.monotonic() - bad:.0f} s of misbehaviour: {sorted(firing())}")
                is_evaluated()
                check("slow calls of load", query('function:prof_misses:ratio_rate5s{function="load"}'), 1, 1.01)
                check("failures of render", query('function:prof_misses:ratio_rate5s{function="render"}'), 0.5, 1.2)
                assert query('function:prof_error_budget:remaining{function="render"}') < 0
                draw(json.loads(board.read_text()), api)
            with under_load():
                good = time.monotonic()
                pages = lambda: [alert for alert in firing() if alert[2] == "page"]
                wait_for("end of the pages", lambda: pages() == [] or None, 60)
                print(f"ok    no page after {time.monotonic() - good:.0f} s of good behaviour")


def rehearse(rules, file):
    """Has promtool evaluate the rules of 30 days at their real windows: six good hours, one in which 5 % of the calls of
    render fail, which is 50 times what may, and another good one."""
    labels = 'job="shop",group="http",function="render"'
    calls = {
        "success": "0+1000x360 360950+950x59 418000+1000x60",
        "failure": "0+0x360 50+50x59 3000+0x60",
    }
    series = [{"series": f'prof_calls_total{{{labels},outcome="{outcome}"}}', "values": values} for outcome, values in calls.items()]

    def expect(time, expression, value):
        return {"eval_time": time, "expr": expression, "exp_samples": [{"value": value}]}

    def firing(time, severity, value):
        alerts = f'ALERTS{{alertname="ProfTooManyFailures",alertstate="firing",severity="{severity}",{labels}}}'
        return expect(time, f"sum({alerts}) or vector(0)", value)

    expected = [
        firing("6h", "ticket", 0),
        firing("6h", "page", 0),
        # After 10 min, the budget of 3 d burns, and so does that of 6 h.
        firing("6h10m", "ticket", 1),
        firing("6h10m", "page", 0),
        # 14.4 times the allowed rate, over 1 h, is reached after 17.3 min.
        firing("6h17m", "page", 0),
        firing("6h19m", "page", 1),
        expect("6h30m", f"round(sum(function:prof_error_budget:burn_rate{{{labels}}}))", 25),
        # In 30 min of good behaviour, the budgets of the short windows of pages stop to burn; tickets wait for longer ones.
        firing("7h25m", "page", 1),
        firing("7h31m", "page", 0),
        firing("7h31m", "ticket", 1),
        # 3000 of 480000 calls failed, where 480 may.
        expect("8h1m", f"round(10 * sum(function:prof_error_budget:remaining{{{labels}}})) / 10", -5.3),
    ]
    test = {"interval": "1m", "input_series": series, "promql_expr_test": expected}
    file.write_text(json.dumps({"rule_files": [str(rules)], "evaluation_interval": "1m", "tests": [test]}))
    tested = subprocess.run(["promtool", "test", "rules", file], capture_output=True, text=True)
    print("promtool test rules:", " ".join(tested.stdout.split()), tested.stderr)
    assert tested.returncode == 0


def draw(board, api):
    """Has Prometheus answer every query of the dashboard, with every choice open."""
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            series, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"]).groups()
            chosen = api(f"label/{label}/values", **{"match[]": filled_in(series)})
            print(f"ok    variable {variable['name']}: {chosen}")
            assert chosen
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            # What does not parse or is ambiguous is an error of HTTP.
            result = api("query", query=filled_in(target["expr"]))["result"]
            assert result, f"{panel['title']}: no data for {target['expr']}"
            print(f"ok    panel {panel['title']}: {len(result)} series")


def filled_in(expression):
    for variable, value in {"$job": ".*", "$group": ".*", "$function": ".*", "$__rate_interval": "5s"}.items():
        expression = expression.replace(variable, value)
    assert "$" not in expression, expression
    return expression


def dashboard():
    """Has the TypeScript compiler compare the dashboard with the types that Grafana publishes of its dashboards."""
    modules = Path(os.environ.get("NODE_MODULES", "node_modules")).resolve()
    raw = modules / "@grafana/schema/dist/types/raw"
    panels = {"timeseries": "timeseries", "stat": "stat", "state-timeline": "statetimeline"}
    with tempfile.TemporaryDirectory() as directory:
        file, program = Path(directory, "board.json"), Path(directory, "board.ts")
        subprocess.run([build(), "--dashboard", file], check=True)
        board = json.loads(file.read_text())
        # Where the types name an enum, JSON has the text of its value.
        source = ["type Json<T> = T extends string ? T | `${T}` : T extends object ? { [K in keyof T]: Json<T[K]> } : T;"]
        source += [f'import type {{ Dashboard }} from "{raw}/dashboard/x/types.gen";']
        source += [f'import type * as {name} from "{raw}/composable/{name}/panelcfg/x/types.gen";' for name in panels.values()]
        source += [f"export const board: Json<Dashboard> = {json.dumps(board)};"]
        drawn = [panel for panel in board["panels"] if panel["type"] != "row"]
        for at, panel in enumerate(drawn):
            name = panels[panel["type"]]
            source += [f"export const options{at}: Json<{name}.Options> = {json.dumps(panel['options'])};"]
            if name != "stat":
                custom = panel["fieldConfig"]["defaults"]["custom"]
                source += [f"export const custom{at}: Json<{name}.FieldConfig> = {json.dumps(custom)};"]
        program.write_text("\n".join(source))
        options = ["--noEmit", "--strict", "--skipLibCheck", "--module", "esnext", "--moduleResolution", "bundler", "--target", "es2022"]
        subprocess.run(["node", modules / "typescript/bin/tsc", *options, program], check=True)
        version = json.loads((modules / "@grafana/schema/package.json").read_text())["version"]
        print(f"ok    the dashboard and its {len(drawn)} panels are of the types of Grafana {version}")


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
            env = {"OTEL_SERVICE_NAME": "observed", "OTEL_METRIC_EXPORT_INTERVAL": "1000"}
            with service(f"otlp:http://127.0.0.1:{port}", **env) as process:
                load = snapshot(process)["load"]
            wait_for("the push", lambda: 'prof.call.duration' in log.read_text() or None)
            compare_otlp(log.read_text(), load)


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
    proofs = {"prometheus": prometheus, "rules": rules, "dashboard": dashboard, "statsd": statsd, "otlp": otlp}
    if len(sys.argv) != 2 or sys.argv[1] not in proofs:
        sys.exit(__doc__)
    proofs[sys.argv[1]]()
    print(f"{sys.argv[1]}: what the server says is what the program counted")
