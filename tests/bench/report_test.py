"""The report depends on the raw data only, its arithmetic is correct, and builds are not mixed."""

import os
import re
import tempfile
import unittest
import xml.etree.ElementTree

import analysis
import figures
import loads
import raw_data
import report
import targets
from servers import BenchError

C50 = next(load for load in loads.LOADS if load.name == "c50")


def run(server, number, cost, load="c50", **more):
    return {"load": load, "server": server, "round": number, "piece": 0, "build": "b",
            "nanoseconds_per_message": cost, "messages_per_second": 1000, "messages": 10,
            "server_cpu_share": 0.5, "client_cpu_share": 0.9, "others_cpu_share": 0.01,
            "p50": 1000, "p99": 2000, "p99_9": 3000, **more}


def sample(runs):
    return {**raw_data.empty(), "runs": runs,
            "machine": {"cpu": "a CPU", "cpus": 2, "kernel": "6.1", "congestion_control": "cubic"},
            "pieces": [{"command": "peers.py measure", "began": "2026-01-01T00:00:00Z",
                        "revision": "abc", "duration": 1.0, "warmup": 0.5}]}


class Committed(unittest.TestCase):
    def test_the_committed_report_is_that_of_the_committed_data(self):
        files = report.render(raw_data.load(report.DATA))
        for name, text in files.items():
            with self.subTest(name), open(os.path.join(report.HERE, name)) as file:
                self.assertTrue(file.read() == text, f"{name}: run tests/bench/peers.py report")
        plots = {f"results/{name}" for name in os.listdir(os.path.dirname(report.DATA))
                 if name.endswith(".svg")}
        self.assertEqual(plots, {name for name in files if name.endswith(".svg")})
        shown = set(re.findall(r"\]\((results/\S+\.svg)\)", files["README.md"]))
        self.assertEqual(shown, plots)

    def test_plots_are_well_formed_and_inside_their_frame(self):
        for name, text in report.render(raw_data.load(report.DATA)).items():
            if not name.endswith(".svg"):
                continue
            root = xml.etree.ElementTree.fromstring(text)
            _, _, width, height = (float(word) for word in root.get("viewBox").split())
            for element in root.iter():
                for key, limit in (("x", width), ("cx", width), ("y", height), ("cy", height)):
                    self.assertTrue(0 <= float(element.get(key, 0)) <= limit, (name, element.attrib))


class Arithmetic(unittest.TestCase):
    DATA = sample([run("echogw", 0, 90), run("epoll", 0, 100), run("io_uring", 0, 80),
                   run("echogw", 1, 110), run("epoll", 1, 100), run("io_uring", 1, 200),
                   run("echogw", 2, 95), run("epoll", 2, 190), run("io_uring", 2, 60)])

    def test_medians_ratios_and_spread(self):
        of = analysis.Figures(self.DATA, "c50")
        self.assertEqual((of.median("echogw"), of.spread("echogw")), (95, (90, 110)))
        self.assertAlmostEqual(of.ratio("echogw", "epoll"), 0.9)
        middle, low, high = of.pair_ratio("echogw", "epoll")
        self.assertAlmostEqual(middle, 0.9)
        self.assertAlmostEqual(low, 0.5)
        self.assertAlmostEqual(high, 1.1)

    def test_a_machine_that_is_slower_for_a_while_changes_no_rank(self):
        # The medians come from different rounds: that of epoll from a slow one.
        data = sample([run("epoll", 0, 100), run("echogw", 0, 101), run("epoll", 1, 200),
                       run("echogw", 1, 202), run("epoll", 2, 200), run("echogw", 3, 101)])
        of = analysis.Figures(data, "c50")
        self.assertLess(of.median("echogw"), of.median("epoll"))
        self.assertAlmostEqual(of.ratio("echogw", "epoll"), 1.01)
        self.assertEqual(of.servers(), ["epoll", "echogw"])

    def test_who_is_compared_with_whom(self):
        of = analysis.Figures(self.DATA, "c50")
        self.assertEqual(analysis.best_engine(of), "echogw")
        self.assertEqual(analysis.best_readiness_peer(of), "epoll")
        self.assertEqual(analysis.best_peer(of), "io_uring")

    def test_the_summary_says_it(self):
        text = report.render(self.DATA)["README.md"]
        self.assertIn("| 50 connections, 64 B | 3 | 95 | 0.90 (0.50..1.10) bare epoll, "
                      "edge-triggered | epoll | 1.12 (0.55..1.58) bare io_uring |", text)

    def test_a_variant_is_shown_as_ours_and_is_not_the_best_engine(self):
        data = sample(self.DATA["runs"] + [run("echogw-spin", number, 50) for number in range(3)])
        self.assertEqual(analysis.best_engine(analysis.Figures(data, "c50")), "echogw")
        self.assertIn("**echogw-spin**", report.render(data)["README.md"])

    def test_who_missed_a_round_is_not_the_best(self):
        data = sample(self.DATA["runs"] + [run("poll", number, 20) for number in range(2)])
        of = analysis.Figures(data, "c50")
        self.assertEqual(analysis.best_readiness_peer(of), "epoll")
        self.assertIn("| bare poll | 20", report.render(data)["README.md"])

    def test_what_does_not_take_part_is_said(self):
        data = sample(self.DATA["runs"])
        data["unfit"] = {"c50": {"blocking": "one at a time"}}
        data["failures"] = [{"load": "c50", "server": "node", "round": 0, "reason": "it fell"}]
        text = report.render(data)["README.md"]
        self.assertIn("Not measured: one client at a time: one at a time.", text)
        self.assertIn("Failed rounds: Node net, 1 (it fell).", text)

    def test_nothing_measured(self):
        with self.assertRaisesRegex(BenchError, "no runs"):
            report.render(raw_data.empty())

    def test_labels_keep_apart_and_inside(self):
        placed = figures._spread_labels([95, 96, 97, 20], 15, 10, 100)
        ordered = sorted(placed)
        self.assertTrue(all(b - a >= 15 for a, b in zip(ordered, ordered[1:])), placed)
        self.assertLessEqual(max(placed), 100)
        self.assertEqual(placed[3], 20)


class DataFile(unittest.TestCase):
    def test_saved_data_come_back(self):
        data = sample([run("echogw", 0, 90.5)])
        data["unfit"] = {"c50": {"blocking": "why"}}
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "data.json")
            self.assertEqual(raw_data.load(path), raw_data.empty())
            for each in (raw_data.empty(), data):
                raw_data.save(path, each)
                self.assertEqual(raw_data.load(path), each)
            self.assertEqual(os.listdir(folder), ["data.json"])
            with open(path, "w") as file:
                file.write("{")
            with self.assertRaisesRegex(BenchError, "no JSON"):
                raw_data.load(path)

    def test_rounds_go_on_and_are_dropped(self):
        data = sample([run("echogw", 0, 1), run("echogw", 1, 1), run("echogw", 0, 1, load="c1")])
        self.assertEqual(raw_data.rounds_done(data, C50), 2)
        raw_data.drop(data, [C50])
        self.assertEqual(raw_data.rounds_done(data, C50), 0)
        self.assertEqual(len(data["runs"]), 1)

    def test_builds_and_machines_are_not_mixed(self):
        data = sample([run("echogw", 0, 1), run("epoll", 0, 1)])
        machine = data["machine"]
        raw_data.check_same(data, C50, {"echogw": "b", "epoll": "b"}, machine)
        with self.assertRaisesRegex(BenchError, r"c50: .*\(echogw\); --replace"):
            raw_data.check_same(data, C50, {"echogw": "c", "epoll": "b"}, machine)
        with self.assertRaisesRegex(BenchError, r"\(libuv\)"):
            raw_data.check_same(data, C50, {"echogw": "b", "epoll": "b", "libuv": "b"}, machine)
        with self.assertRaisesRegex(BenchError, "another machine"):
            raw_data.check_same(data, C50, {"echogw": "b", "epoll": "b"}, {"cpu": "other"})


class Choice(unittest.TestCase):
    def test_loads_by_name_and_group(self):
        self.assertEqual([load.name for load in loads.select_loads("churn,c1")], ["c1", "churn"])
        self.assertEqual(len(loads.select_loads("connections")), len(loads.CURVE_CONNECTIONS))
        with self.assertRaisesRegex(ValueError, "named c2; there are"):
            loads.select_loads("c2")

    def test_idle_connections_fill_up(self):
        for load in loads.select_loads("connections"):
            self.assertEqual(load.idle + int(load.options[1]), load.connections)

    def test_who_cannot_take_a_load(self):
        known = {each.name: each for each in targets.everything("")}
        by_name = {load.name: load for load in loads.LOADS + loads.CURVES}
        self.assertIn("FD_SETSIZE", known["select"].unfit_for(by_name["c10000"]))
        self.assertEqual(known["select"].unfit_for(by_name["c1000"]), "")
        self.assertIn("one client", known["blocking"].unfit_for(by_name["c50"]))
        self.assertEqual(known["blocking"].unfit_for(by_name["churn"]), "")
        self.assertNotEqual(known["epoll"].unfit_for(by_name["reactors/2"]), "")

    def test_variants(self):
        spin = targets.gateways("", ["echogw-spin=--poller=epoll --spin-us=20"])[-1]
        self.assertEqual((spin.name, spin.options), ("echogw-spin", ("--poller=epoll",
                                                                     "--spin-us=20")))
        for bad in ("echogw-spin", "spin=--x", "echogw-poll=--x"):
            with self.assertRaisesRegex(BenchError, "--variant"):
                targets.gateways("", [bad])


if __name__ == "__main__":
    unittest.main()
