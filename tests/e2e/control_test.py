"""Goal: an operator changes the gateway under load with echogwctl, and no client notices.
Method: the real binaries; bench or the test's connections while verbs run."""

import json
import signal
import socket
import threading
import unittest

from harness import ECHOGWCTL, EndToEnd, run, wait_until
from wire import Crowd, connect, echo_once, ping


class ControlCase(EndToEnd):
    def reactors(self, gateway):
        return self.ctl_json(gateway, "reactors")["reactors"]

    def active(self, gateway):
        return [r["counters"]["connections_active"] for r in self.reactors(gateway)]

    def operation(self, gateway, *verb, expect=0):
        return self.ctl_json(gateway, *verb, expect=expect)["operation"]

    def accounts_balance(self, gateway):
        """Every connection is counted exactly once, per reactor and in total."""
        def fault():
            moved_in = moved_out = 0
            for reactor in self.reactors(gateway):
                c = reactor["counters"]
                moved_in += c["connections_moved_in"]
                moved_out += c["connections_moved_out"]
                came = c["connections_accepted"] + c["connections_moved_in"]
                went = c["connections_moved_out"] + sum(c["connections_closed"].values())
                if came != went + c["connections_active"]:
                    return f"reactor {reactor['id']}: {c}"
            return "" if moved_in == moved_out else f"{moved_in} moved in, {moved_out} out"

        # A snapshot is not a consistent cut, except at rest.
        wait_until(lambda: fault() == "", "the accounts balance")


class UnderLoad(ControlCase):
    def test_resize_while_bench_runs(self):
        gateway = self.gateway(reactors=4)
        bench = self.process(ECHOGWCTL, "bench", gateway.target, "-c", "40", "-d", "60s",
                             "-r", "4000", "-o", "json")
        wait_until(lambda: self.stats(gateway)["total"]["connections_active"] == 40, "all in")
        for target in (8, 1, 6, 2, 4):
            operation = self.operation(gateway, "resize", str(target), "--wait")
            self.assertEqual(operation["result"], "OPERATION_RESULT_SUCCEEDED")
            self.assertEqual(operation["connections_left"], 0)
            serving = [r for r in self.reactors(gateway)
                       if r["state"] == "REACTOR_STATE_SERVING"]
            self.assertEqual(len(serving), target)
        bench.signal(signal.SIGINT)
        self.assertEqual(bench.wait(), 4, bench.err.text())
        result = json.loads(bench.out.text())
        self.assertEqual((result["errors"]["total"], result["wrong_bytes"]), (0, 0))
        self.assertGreater(result["messages"], 100)
        self.accounts_balance(gateway)

    def test_churn_while_resizing(self):
        gateway = self.gateway(reactors=8)
        stop = threading.Event()

        def resize():
            while not stop.is_set():
                for target in ("2", "8", "5"):
                    self.ctl(gateway, "resize", target, "--wait")

        operator = threading.Thread(target=resize)
        operator.start()
        try:
            result = self.bench(gateway, "--churn", "-c", "8", "--messages", "3000")
        finally:
            stop.set()
            operator.join()
        self.assertEqual((result["errors"]["total"], result["connects"]), (0, 3000))
        self.accounts_balance(gateway)

    def bench(self, gateway, *arguments):
        return run_json(self, ECHOGWCTL, "bench", gateway.target, *arguments, "-o", "json")


def run_json(test, *command, expect=0, timeout=120):
    result = run(*command, timeout=timeout)
    test.assertEqual(result.code, expect, result)
    return result.json()


class Bench(ControlCase):
    def test_counts_agree_with_the_gateway(self):
        gateway = self.gateway()
        result = run_json(self, ECHOGWCTL, "bench", gateway.target, "-c", "10", "--messages",
                          "5000", "-s", "1KiB", "-p", "4", "-o", "json")
        self.assertEqual(result["errors"]["total"], 0)
        self.assertEqual(result["messages"], 5000)
        latency = result["latency"]
        self.assertEqual(latency["count"], 5000)
        self.assertLessEqual(latency["p50_nanoseconds"], latency["p99_9_nanoseconds"])
        total = self.stats(gateway)["total"]
        self.assertEqual(total["connections_accepted"], 10)
        self.assertEqual(total["received_bytes"], 5000 * 1024)

    def test_finds_bytes_that_differ(self):
        gateway = self.gateway("--transform", "upper")
        result = run_json(self, ECHOGWCTL, "bench", gateway.target, "-c", "2", "--messages", "100",
                          "-s", "1KiB", "-o", "json", expect=1)
        self.assertGreater(result["wrong_bytes"], 0)
        self.assertIn("wrong-bytes", [k["kind"] for k in result["errors"]["kinds"]])

    def test_nobody_there(self):
        result = run(ECHOGWCTL, "bench", "127.0.0.1:1", "-c", "1", "-d", "1s")
        self.assertEqual(result.code, 3, result)
        self.one_line(result.err, "127.0.0.1:1")


class Verbs(ControlCase):
    def setUp(self):
        self.server = self.gateway(reactors=3)

    def test_move(self):
        with Crowd(self.server.address, 60) as crowd:
            crowd.echo(1)
            before = self.active(self.server)
            operation = self.operation(self.server, "move", "--from", "0", "--to", "2",
                                       "--connections", "2", "--wait")
            self.assertEqual(operation["connections_moved"], 2)
            self.ctl(self.server, "move", "--from", "0", "--to", "2", "--wait")
            self.assertEqual(self.active(self.server),
                             [0, before[1], before[2] + before[0]])
            self.assertEqual(crowd.echo(2), 60)
            self.accounts_balance(self.server)

    def test_rebalance(self):
        with Crowd(self.server.address, 60) as crowd:
            crowd.echo(1)
            self.ctl(self.server, "move", "--from", "0", "--to", "2", "--wait")
            self.ctl(self.server, "move", "--from", "1", "--to", "2", "--wait")
            plan = self.operation(self.server, "rebalance", "--dry-run", "--wait")
            self.assertEqual(sum(m["connections"] for m in plan["moves"]), 40)
            self.assertEqual(self.active(self.server), [0, 0, 60])
            operation = self.operation(self.server, "rebalance", "--policy", "connections",
                                       "--wait")
            self.assertEqual((operation["imbalance_before"], operation["imbalance_after"]),
                             (3, 1))
            self.assertEqual(self.active(self.server), [20, 20, 20])
            self.assertEqual(crowd.echo(2), 60)
            self.accounts_balance(self.server)

    def test_steer(self):
        self.ctl(self.server, "steer", "0=0", "1=0", "2=5")
        weights = [r["steering_weight"] for r in self.reactors(self.server)]
        self.assertEqual(weights, [0, 0, 5])
        with Crowd(self.server.address, 30) as crowd:
            self.assertEqual(crowd.echo(), 30)
            self.assertEqual(self.active(self.server), [0, 0, 30])
        table = self.ctl(self.server, "steer", "--reset", "0=2").out
        self.assertRegex(table, r"0 +2 +50\.0%")

    def test_drain_and_undrain_a_reactor(self):
        with Crowd(self.server.address, 30) as crowd:
            crowd.echo(1)
            self.ctl(self.server, "drain", "--reactor", "1", "--wait")
            reactor = self.reactors(self.server)[1]
            self.assertEqual(reactor["state"], "REACTOR_STATE_DRAINED")
            self.assertEqual(reactor["counters"]["connections_active"], 0)
            self.assertEqual(crowd.echo(2), 30)
            self.assertIn("Reactor 1 is back in service",
                          self.ctl(self.server, "undrain", "--reactor", "1").out)
            with Crowd(self.server.address, 60) as more:
                self.assertEqual(more.echo(3), 60)
                self.assertGreater(self.active(self.server)[1], 0)
        self.accounts_balance(self.server)

    def test_drain_and_undrain_the_gateway(self):
        self.ctl(self.server, "drain", "--quiet-period", "0s", "--spread", "0s", "--wait")
        self.assertEqual(self.stats(self.server)["state"], "GATEWAY_STATE_DRAINED")
        self.assertEqual(self.ctl(self.server, "undrain").out, "The gateway is serving\n")
        self.assertEqual(echo_once(self.server.address, b"back"), b"back")

    def test_refuse_reset(self):
        with connect(self.server.address) as holder:
            ping(holder)
            self.ctl(self.server, "drain", "--quiet-period", "0s", "--refuse", "reset",
                     "--spread", "30s", "--deadline", "60s")
            wait_until(self.refused, "new connections are reset")
            self.ctl(self.server, "undrain")
            self.assertEqual(echo_once(self.server.address, b"back"), b"back")
        rejected = self.stats(self.server)["total"]["connections_rejected"]
        self.assertGreater(rejected["draining"], 0)

    def test_refuse_silent(self):
        with connect(self.server.address) as holder:
            ping(holder)
            self.ctl(self.server, "drain", "--quiet-period", "0s", "--refuse", "silent",
                     "--spread", "30s", "--deadline", "60s")
            wait_until(lambda: self.stats(self.server)["state"] == "GATEWAY_STATE_CLOSING",
                       "it refuses")
            with socket.socket() as client:
                client.settimeout(0.3)
                with self.assertRaises(TimeoutError):
                    client.connect(self.server.address)
            self.ctl(self.server, "undrain")
            self.assertEqual(echo_once(self.server.address, b"back"), b"back")

    def refused(self):
        try:
            return echo_once(self.server.address, b"x") != b"x"
        except ConnectionError:
            return True

    def test_operation_watch(self):
        with Crowd(self.server.address, 30) as crowd:
            crowd.echo()
            begun = self.operation(self.server, "drain", "--reactor", "2", "--let-finish",
                                   "--deadline", "600s")
            watcher = self.process(ECHOGWCTL, "--target", self.server.admin, "operation",
                                   str(begun["id"]), "--watch")
            watcher.err.wait_for(r"finish")
            self.assertTrue(watcher.running())
        # The drain and the watch end with the last connection.
        self.assertEqual(watcher.wait(), 0)
        self.assertIn("reactor 2", watcher.out.text())
        self.assertRegex(watcher.out.text(), r"(?m)^Result +succeeded")

    def test_second_resize_is_refused_while_one_runs(self):
        with Crowd(self.server.address, 30) as crowd:
            crowd.echo()
            self.ctl(self.server, "drain", "--reactor", "2", "--let-finish", "--deadline", "600s")
            result = self.ctl(self.server, "resize", "5", expect=1)
            self.one_line(result.err, "refused", "under way")
            self.ctl(self.server, "undrain", "--reactor", "2")


class AutomaticBalance(ControlCase):
    def test_64_connections_over_8_reactors(self):
        gateway = self.gateway(reactors=8)
        self.assertIn("on", self.ctl(gateway, "rebalance", "--auto", "on").out)
        with Crowd(gateway.address, 64) as crowd:
            self.assertEqual(crowd.echo(1), 64)
            # 64 connections on 8 reactors are 8 each; 1.10 times 8 is below 9.
            wait_until(lambda: max(self.active(gateway)) == 8, "max/mean is at most 1.10",
                       timeout=2)
            moved = self.stats(gateway)["total"]["connections_moved_in"]
            self.assertEqual(crowd.echo(2), 64)
            # Balanced, it stays so: after many ticks nothing else has moved.
            ticks = self.process(ECHOGWCTL, "--target", gateway.admin, "stats", "--watch", "100ms",
                                 "-o", "json")
            wait_until(lambda: len(ticks.out.all()) > 10, "ten ticks")
            self.assertEqual(self.stats(gateway)["total"]["connections_moved_in"], moved)
            self.assertEqual(max(self.active(gateway)), 8)
        self.accounts_balance(gateway)


class Events(ControlCase):
    def test_tell_what_was_done_in_the_words_of_the_operator(self):
        gateway = self.gateway(reactors=2)
        with connect(gateway.address) as client:
            ping(client)
            self.ctl(gateway, "resize", "4", "--dry-run")
            self.ctl(gateway, "rebalance", "--dry-run")
            self.ctl(gateway, "close", "--reactor", "0,1", "--dry-run")
            self.ctl(gateway, "resize", "3", "--wait")
            self.ctl(gateway, "drain", "--reactor", "1", "--wait")
            self.ctl(gateway, "undrain", "--reactor", "1")
            self.ctl(gateway, "steer", "2=5")
            self.ctl(gateway, "log-level", "debug", "--log", "console")
            self.ctl(gateway, "resize", "0", expect=2)
        events = self.ctl_json(gateway, "events")["events"]
        done = [(e["kind"], e["actor"].split(":")[0]) for e in events if e["kind"] != "state"]
        self.assertEqual(done, [("resize", "ipv4"), ("resize", "ipv4"),
                                ("drain", "ipv4"), ("drain", "ipv4"),
                                ("undrain", "ipv4"), ("steer", "ipv4"), ("log-level", "ipv4")])
        of_operation = [e["operation"] for e in events if e["kind"] == "drain"]
        self.assertEqual(len(set(of_operation)), 1, of_operation)
        self.assertIn("resize to 3 reactors", self.ctl(gateway, "events").out)


if __name__ == "__main__":
    unittest.main()
