"""Goal: every expression of the rules, the alerts and the dashboard finds data in a real
Prometheus that scrapes a real gateway under load, and every alert has a runbook. Method: promtool
on the rules and their unit tests; the load opens, closes, moves, blocks and rejects connections
while each expression is queried as by Grafana."""

import json
import os
import re
import shutil
import threading
import unittest

import yaml

from harness import ECHOGWCTL, ROOT, EndToEnd, read, run, wait_until
from prometheus_server import PrometheusServer
from wire import Crowd, connect, echo_once, fill, pattern, recv_exactly, reset

DEPLOY = os.path.join(ROOT, "deploy")
PROMETHEUS = os.path.join(DEPLOY, "prometheus")
UNIT_TESTS = os.path.join(ROOT, "tests", "rules")
RULE_FILES = [os.path.join(PROMETHEUS, name) for name in ("recording.yml", "alerts.yml")]
# Grafana uses at least four scrapes; the test scrapes every quarter of a second.
RATE_INTERVAL = "8s"


def read_yaml(*path):
    return yaml.safe_load(read(*path))


def rules(kind):
    """Every rule of a kind, "alert" or "record"."""
    return [rule for path in RULE_FILES for group in read_yaml(path)["groups"]
            for rule in group["rules"] if kind in rule]


def dashboard():
    return json.loads(read(DEPLOY, "grafana", "dashboards", "echogw.json"))


def panels():
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def metric_names(expression):
    return set(re.findall(r"(?<![\w:])(?:echogw_|process_|instance:|reactor:)[\w:]+", expression))


class Rules(EndToEnd):
    def promtool(self, *arguments, expect=0):
        done = run(self.need_tool("promtool"), *arguments)
        self.assertEqual(done.code, expect, done)
        return done.out + done.err

    def test_promtool_finds_no_fault(self):
        out = self.promtool("check", "config", os.path.join(PROMETHEUS, "prometheus.yml"))
        self.assertEqual(out.count("SUCCESS"), 2 + len(RULE_FILES), out)
        self.assertNotIn("FAILED", out)

    def test_unit_tests_pass(self):
        files = sorted(os.listdir(UNIT_TESTS))
        self.assertEqual(files, ["alerts_test.yml", "recording_test.yml"])
        out = self.promtool("test", "rules", *(os.path.join(UNIT_TESTS, f) for f in files))
        self.assertEqual(out.count("SUCCESS"), len(files), out)

    def test_unit_tests_cover_every_rule(self):
        expected = [sample["labels"] for name in os.listdir(UNIT_TESTS)
                    for test in read_yaml(UNIT_TESTS, name)["tests"]
                    for case in test["promql_expr_test"] for sample in case["exp_samples"]]
        fired = {re.search(r'alertname="(\w+)"', labels).group(1)
                 for labels in expected if labels.startswith("ALERTS{")}
        self.assertEqual(fired, {rule["alert"] for rule in rules("alert")})
        recorded = {labels.split("{")[0] for labels in expected} - {"ALERTS"}
        self.assertEqual(recorded, {rule["record"] for rule in rules("record")})

    def test_unit_tests_notice_a_wrong_rule(self):
        for name, right, wrong in (("alerts.yml", "> 0.9", "> 0.95"),
                                   ("recording.yml", "max without", "min without")):
            folder = self.copy_of_rules()
            path = os.path.join(folder, "deploy", "prometheus", name)
            text = read(path)
            self.assertIn(right, text)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text.replace(right, wrong))
            out = self.promtool("test", "rules", os.path.join(
                folder, "tests", "rules", name.replace(".yml", "_test.yml")), expect=1)
            self.assertIn("FAILED", out)

    def copy_of_rules(self):
        """A directory with copies of the rules and their tests, in the same layout."""
        folder = self.temporary_folder()
        for path in (PROMETHEUS, UNIT_TESTS):
            shutil.copytree(path, os.path.join(folder, os.path.relpath(path, ROOT)))
        return folder

    def test_alerts_say_what_to_do(self):
        runbook = read("deploy", "monitoring.md").split("\n## Runbook\n")[1]
        headings = re.findall(r"^### (\w+)$", runbook, re.M)
        self.assertEqual(sorted(headings), sorted(rule["alert"] for rule in rules("alert")))
        for rule in rules("alert"):
            name = rule["alert"]
            self.assertEqual(set(rule), {"alert", "expr", "for", "labels", "annotations"}, name)
            self.assertIn(rule["labels"]["severity"], ("critical", "warning", "info"), name)
            notes = rule["annotations"]
            self.assertEqual(set(notes), {"summary", "description", "runbook"}, name)
            self.assertEqual(notes["runbook"], f"deploy/monitoring.md#{name.lower()}")
            self.assertTrue(notes["description"].endswith("."), name)


class Dashboard(EndToEnd):
    """The file is valid for Grafana, and the layout for its users."""

    def test_head(self):
        board = dashboard()
        self.assertEqual(board["uid"], "echogw-overview")
        self.assertIsNone(board["id"])
        self.assertIn(board["schemaVersion"], (38, 39))
        self.assertNotIn("__inputs", board)
        names = [variable["name"] for variable in board["templating"]["list"]]
        self.assertEqual(names, ["datasource", "job", "instance", "reactor"])

    def test_panels(self):
        ids, titles, taken = set(), set(), set()
        for panel in dashboard()["panels"]:
            self.assertNotIn(panel["id"], ids)
            ids.add(panel["id"])
            place = panel["gridPos"]
            self.assertLessEqual(place["x"] + place["w"], 24)
            cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                     for y in range(place["y"], place["y"] + place["h"])}
            self.assertFalse(cells & taken, f"{panel['title']} lies on another panel")
            taken |= cells
        for panel in panels():
            key = (panel["title"], panel["type"])
            self.assertNotIn(key, titles)
            titles.add(key)
            self.assertTrue(panel["fieldConfig"]["defaults"]["unit"], panel["title"])
            self.assertTrue(panel["targets"], panel["title"])
            for target in [panel, *panel["targets"]]:
                self.assertEqual(target["datasource"],
                                 {"type": "prometheus", "uid": "${datasource}"})


class Grafana:
    """Queries a Prometheus as Grafana does, with every variable at its default, All."""

    # Characters to escape in a regular expression inside a PromQL string.
    ESCAPED = re.compile(r"[.*+?^${}()|\[\]\\]")

    def __init__(self, server, variables):
        self._server = server
        self._values = {}
        for variable in variables:
            if variable["type"] == "datasource":
                continue
            selector, label = re.fullmatch(r"label_values\((.+), (\w+)\)",
                                           variable["query"]["query"]).groups()
            found = server.ask(f"label/{label}/values",
                               **{"match[]": [self.interpolate(selector)]})
            self._values[variable["name"]] = found

    def values(self, name):
        return self._values[name]

    def interpolate(self, expression):
        for name, values in self._values.items():
            escaped = [self.ESCAPED.sub(lambda m: "\\\\" + m.group(), v) for v in values]
            text = escaped[0] if len(escaped) == 1 else "(" + "|".join(escaped) + ")"
            expression = expression.replace(f"${name}", text)
        return expression.replace("$__rate_interval", RATE_INTERVAL)

    def samples(self, expression):
        """The samples that would be drawn, without NaN."""
        asked = self.interpolate(expression)
        if "$" in asked:
            raise AssertionError(f"a variable that is not there: {asked}")
        return [value for _, value in self._server.query(asked) if value == value]

    def without_data(self, expressions):
        return [e for e in expressions if not self.samples(e)]


class Load:
    """Connections of every kind, and actions of operators, until stopped."""

    def __init__(self, test, gateway):
        self._gateway = gateway
        self._test = test
        self._stop = threading.Event()
        self.faults = []
        self._bench = test.process(ECHOGWCTL, "bench", gateway.target, "-c", "8", "-s", "4KiB",
                                   "-r", "2000", "-d", "60s")
        wait_until(lambda: int(test.stats(gateway)["total"]["connections_active"]) == 8,
                   "the bench is connected")
        # A client that does not read, so that bytes are held for it.
        self._deaf = connect(gateway.address, rcvbuf=4096)
        test.addCleanup(self._deaf.close)
        fill(self._deaf, bytes(8 << 20))
        self._threads = [threading.Thread(target=self._guarded, args=(work,))
                         for work in (self._passers_by, self._slow_reader, self._operators)]
        test.addCleanup(self.stop)
        for thread in self._threads:
            thread.start()

    def _guarded(self, work):
        try:
            while not self._stop.is_set():
                work()
        except Exception as fault:  # pylint: disable=broad-except
            if not self._stop.is_set():
                self.faults.append(fault)

    def _passers_by(self):
        try:
            echo_once(self._gateway.address, pattern(3000))
            client = connect(self._gateway.address)
            client.sendall(b"x")
            reset(client)
            # More than the limit, so some are rejected.
            with Crowd(self._gateway.address, 90) as crowd:
                crowd.echo()
        except ConnectionError:
            pass

    def _slow_reader(self):
        try:
            with connect(self._gateway.address, rcvbuf=4096) as client:
                taken = fill(client, bytes(4 << 20), quiet=0.05)
                self._test.assertEqual(len(recv_exactly(client, taken)), taken)
        except ConnectionError:
            pass

    def _operators(self):
        for change in (("resize", "2"), ("resize", "3"), ("drain", "--reactor", "1"),
                       ("undrain", "--reactor", "1"), ("rebalance",)):
            run(ECHOGWCTL, "--target", self._gateway.admin, *change,
                *(() if change[0] == "undrain" else ("--wait",)))
        done = run(ECHOGWCTL, "--target", self._gateway.admin, "operation", "999999")
        self._test.assertEqual(done.code, 1, done)

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._bench.end()


class UnderLoad(EndToEnd):
    # Counters of faults: they exist, but stay 0 here.
    QUIET = {"echogw_loop_stalls_total", "echogw_accept_errors_total",
             "echogw_listener_accept_queue_depth", "echogw_listener_drops_total",
             "echogw_connections_accepted_from_adopted_total", "echogw_admin_refused_total",
             "echogw_log_lines_dropped_total", "echogw_log_write_errors_total"}

    # They exist with credentials only: access_test.py has them.
    OPTIONAL = {"echogw_certificate_expiration_timestamp_seconds",
                "echogw_credential_load_failures_total"}

    def setUp(self):
        # Few connections per reactor, and small kernel buffers.
        self.server = self.gateway("--max-connections", "25", "--sndbuf", "16KiB", reactors=3)
        config = read_yaml(PROMETHEUS, "prometheus.yml")
        config["global"] = {name: "250ms" for name in
                            ("scrape_interval", "scrape_timeout", "evaluation_interval")}
        config["rule_files"] = RULE_FILES
        job = config["scrape_configs"][0]
        self.assertEqual(job["static_configs"], [{"targets": ["gateway:7002"]}])
        job["static_configs"] = [{"targets": [self.server.metrics]}]
        config["scrape_configs"] = [job]
        self.prometheus = PrometheusServer(self, config)
        wait_until(self.prometheus.targets_are_up, "the target is up")

    def test_everything_has_data(self):
        load = Load(self, self.server)
        wait_until(lambda: self.prometheus.query("echogw_build_info"), "a scrape")
        board = dashboard()
        grafana = Grafana(self.prometheus, board["templating"]["list"])
        self.assertEqual(grafana.values("job"), ["echogw"])
        self.assertEqual(grafana.values("instance"), [self.server.metrics])
        self.assertEqual(set(grafana.values("reactor")), {"0", "1", "2"})

        shown = [target["expr"] for panel in panels() for target in panel["targets"]]
        self.assertGreater(len(shown), 60)
        missing = shown
        moving = [e for e in shown if not metric_names(e) & self.QUIET]
        self.assertGreater(len(moving), len(shown) * 3 // 4)
        still = moving

        def all_there():
            nonlocal missing, still
            missing = grafana.without_data(missing)
            still = [e for e in still if not any(v > 0 for v in grafana.samples(e))]
            return not missing and not still

        try:
            wait_until(all_there, "data", 40)
        except AssertionError:
            self.fail(f"no data: {missing}\nonly 0: {still}\nthe load: {load.faults}")
        recorded = [rule["record"] for rule in rules("record")]
        wait_until(lambda: not grafana.without_data(recorded),
                   f"data in all of {recorded}: {grafana.without_data(recorded)}")
        self.assertEqual(load.faults, [])

        # Canary: the first expression with each of its metrics misspelt finds no data.
        for name in metric_names(shown[0]):
            wrong = shown[0].replace(name, name + "s")
            self.assertEqual(grafana.without_data([shown[0], wrong]), [wrong])
        self.check_rules()

    def check_rules(self):
        """Prometheus loads all rules, and the metrics of the alerts exist."""
        groups = self.prometheus.ask("rules")["groups"]
        found = [rule for group in groups for rule in group["rules"]]
        self.assertEqual({rule["name"] for rule in found},
                         {r["alert"] for r in rules("alert")}
                         | {r["record"] for r in rules("record")})
        for rule in found:
            self.assertEqual((rule["name"], rule["health"]), (rule["name"], "ok"), rule)
        names = set(self.prometheus.ask("label/__name__/values"))
        for rule in rules("alert") + rules("record"):
            self.assertLessEqual(metric_names(rule["expr"]), names | self.OPTIONAL, rule)
        # The only fault of this gateway is full reactors, which its alert sees.
        self.assertTrue(self.prometheus.query(
            'instance:echogw_connections_rejected:rate2m{reason="table_full"} > 0'))
        firing = self.prometheus.query('ALERTS{alertstate="firing",severity="critical"}')
        self.assertEqual(firing, [])


if __name__ == "__main__":
    unittest.main()
