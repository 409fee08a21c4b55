"""What prove.py shows of the rules and the dashboard that a program writes of its objectives."""

import json
import os
import re
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path

from prove import ROOT, check, free_port, running, wait_for


def build():
    """The path of the service's program."""
    command = ["cargo", "build", "-F", "services", "--bin", "observed_service", "--message-format=json"]
    output = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    artifacts = [json.loads(line).get("executable") for line in output.splitlines()]
    return next(path for path in artifacts if path)


LOAD = 'job="shop",group="store",function="load"'

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
                print("ok    no alert in 30 s of good behavior")
                check("failures of GET /orders", query('function:prof_misses:ratio_rate30s{function="GET /orders"}'), 0.05, 2)
                assert query('function:prof_misses:ratio_rate30s{function="load"}') < 0.05
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
                print(f"ok    no page after {time.monotonic() - good:.0f} s of good behavior")
            down = time.monotonic()
            silent = {("ProfObjectiveWithoutData", function, "ticket") for function in ("GET /orders", "load", "render")}
            wait_for("alert that nothing is known", lambda: silent <= firing() or None, 90)
            print(f"ok    told that nothing is known {time.monotonic() - down:.0f} s after the service ended")


def rehearse(rules, file):
    """Has promtool evaluate the rules of 30 days at their real windows: six good hours, one in which 5 % of the calls of
    render fail, which is 50 times what may, and another good one. Of load, a tenth of the calls of one instance is slow; the
    other one is of a version that has no bucket for the latency, and is not taken for slow."""
    labels = 'job="shop",group="http",function="render"'
    calls = {
        "success": "0+1000x360 360950+950x59 418000+1000x60",
        "failure": "0+0x360 50+50x59 3000+0x60",
    }
    series = [{"series": f'prof_calls_total{{{labels},outcome="{outcome}"}}', "values": values} for outcome, values in calls.items()]
    bound = re.search(r'function="load",(le="[\d.]+")', rules.read_text())[1]
    durations = {
        f'_count{{instance="new",{LOAD}}}': "0+100x60",
        f'_bucket{{instance="new",{LOAD},{bound}}}': "0+90x60",
        f'_count{{instance="old",{LOAD}}}': "0+100x60",
        f'_bucket{{instance="old",{LOAD},le="0.25"}}': "0+100x60",
    }
    series += [{"series": f"prof_call_duration_seconds{rest}", "values": values} for rest, values in durations.items()]

    def expect(time, expression, value):
        return {"eval_time": time, "expr": expression, "exp_samples": [{"value": value}]}

    def firing(time, severity, value):
        alerts = f'ALERTS{{alertname="ProfTooManyFailures",alertstate="firing",severity="{severity}",{labels}}}'
        return expect(time, f"sum({alerts}) or vector(0)", value)

    expected = [
        expect("1h", f"round(1000 * sum(function:prof_misses:ratio_rate30m{{{LOAD}}}))", 50),
        firing("6h", "ticket", 0),
        firing("6h", "page", 0),
        # After 10 min, the budget of 3 d burns, and so does that of 6 h.
        firing("6h10m", "ticket", 1),
        firing("6h10m", "page", 0),
        # 14.4 times the allowed rate, over 1 h, is reached after 17.3 min.
        firing("6h17m", "page", 0),
        firing("6h19m", "page", 1),
        expect("6h30m", f"round(sum(function:prof_error_budget:burn_rate{{{labels}}}))", 25),
        # Within 30 min of good behavior, the short windows of the pages are good again; those of tickets are longer.
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
