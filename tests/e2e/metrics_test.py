"""Goal: the exporter's values are correct, Prometheus accepts its format, and no client can stall
it.
Method: scrapes over HTTP, promtool, and a real Prometheus server."""

import gzip
import re
import socket
import subprocess
import threading
import time
import unittest

from exporter import Scrape, get
from harness import EndToEnd, split_address, wait_until
from prometheus_server import PrometheusServer
from wire import Crowd, connect, echo_once, pattern, ping, reset


class Exporter(EndToEnd):
    def setUp(self):
        self.server = self.gateway(reactors=2)

    def test_values_are_those_of_the_clients(self):
        for i in range(7):
            echo_once(self.server.address, pattern(1000, i))
        client = connect(self.server.address)
        ping(client)
        reset(client)
        with Crowd(self.server.address, 5) as crowd:
            crowd.echo()
            wait_until(lambda: Scrape(self.server).total(
                "echogw_connections_closed_total", reason="peer_reset") == 1, "the reset")
            # A reply is counted when it is sent; the client may receive it earlier.
            wait_until(lambda: Scrape(self.server).total("echogw_sent_bytes_total") >=
                       7000 + 4 + 5 * 64, "every answer counted")
            scrape = Scrape(self.server)
            self.assertEqual(scrape.total("echogw_connections_accepted_total"), 13)
            self.assertEqual(scrape.total("echogw_connections_active"), 5)
            self.assertEqual(
                scrape.total("echogw_connections_closed_total", reason="peer_closed"), 7)
            self.assertEqual(scrape.total("echogw_received_bytes_total"), 7000 + 4 + 5 * 64)
            self.assertEqual(scrape.total("echogw_sent_bytes_total"), 7000 + 4 + 5 * 64)
            self.assertEqual(scrape.total("echogw_reactors"), 2)
            self.assertEqual(scrape.total("echogw_state", state="serving"), 1)
            self.assertEqual(scrape.total("echogw_state"), 1)
            self.assertEqual(scrape.total("echogw_steering_active"), 1)
            self.assertEqual(scrape.total("echogw_build_info"), 1)
            for name in ("process_cpu_seconds_total", "process_open_fds",
                         "process_resident_memory_bytes", "process_start_time_seconds"):
                self.assertGreater(scrape.total(name), 0, name)

    def test_families_are_complete(self):
        scrape = Scrape(self.server)
        for series, _ in scrape.values:
            # A histogram has three kinds of series, none with the name of the family.
            name = re.sub("_(bucket|sum|count)$", "", series)
            if scrape.types.get(name) != "histogram":
                name = series
            self.assertIn(name, scrape.types)
            self.assertTrue(scrape.help[name].endswith("."), name)
            self.assertRegex(name, r"^(echogw|process)_")
            self.assertEqual(name.endswith("_total"), scrape.types[name] == "counter", name)
        # Every reason has a series from the start, so that its rate has a first sample.
        reasons = {dict(l)["reason"] for n, l in scrape.values
                   if n == "echogw_connections_closed_total"}
        self.assertLessEqual({"peer_closed", "peer_reset", "timed_out", "io_error", "drained",
                              "drain_forced"}, reasons)

    def test_series_do_not_grow_with_use(self):
        before = set(Scrape(self.server).values)
        for i in range(50):
            with socket.create_connection(self.server.address, 20, (f"127.0.1.{i}", 0)) as client:
                self.assertEqual(ping(client), b"ping")
        for path in ("/nothing", "/metrics?a=1", "/status.json"):
            get(self.server, path)
        self.ctl(self.server, "resize", "1", "--wait")
        self.ctl(self.server, "resize", "2", "--wait")
        self.ctl(self.server, "close", "--peer", "192.0.2.0/24")
        self.ctl(self.server, "operation", "999999", expect=1)
        call = ("echogw_admin_requests_total",
                (("code", "NOT_FOUND"), ("method", "Admin/GetOperation")))
        # Counted when it has ended, which its client may learn first.
        wait_until(lambda: call in Scrape(self.server).values, "the failed call")
        self.assertEqual(set(Scrape(self.server).values) ^ before, {call})

    def test_promtool_finds_no_fault(self):
        promtool = self.need_tool("promtool")
        self.ctl(self.server, "resize", "4", "--wait")
        self.ctl(self.server, "resize", "1", "--wait")
        checked = subprocess.run([promtool, "check", "metrics"],
                                 input=get(self.server, "/metrics")[2],
                                 capture_output=True, check=False, timeout=60)
        self.assertEqual((checked.returncode, checked.stdout, checked.stderr), (0, b"", b""))

    def test_http(self):
        status, headers, body = get(self.server, "/metrics")
        self.assertEqual(status, 200)
        self.assertEqual(headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
        self.assertEqual(int(headers["Content-Length"]), len(body))
        status, headers, body = get(self.server, "/metrics", {"Accept-Encoding": "gzip"})
        self.assertEqual(headers["Content-Encoding"], "gzip")
        self.assertIn(b"echogw_build_info{", gzip.decompress(body))
        status, _, body = get(self.server, "/nothing")
        self.assertEqual(status, 404)
        self.assertIn(b"/metrics", body)

    def test_ready_while_serving_only(self):
        self.assertEqual(get(self.server, "/-/healthy")[0], 200)
        self.assertEqual(get(self.server, "/-/ready")[0], 200)
        self.drain_into_quiet(self.server)
        wait_until(lambda: get(self.server, "/-/ready")[2] == b"quiet\n", "quiet")
        self.assertEqual(get(self.server, "/-/ready")[0], 503)
        self.assertEqual(get(self.server, "/-/healthy")[0], 200)
        self.assertEqual(Scrape(self.server).total("echogw_state", state="quiet"), 1)
        self.ctl(self.server, "undrain")
        self.assertEqual(get(self.server, "/-/ready")[0], 200)

    def test_ipv4_and_ipv6(self):
        six = self.gateway(metrics="[::1]:0")
        self.assertTrue(six.metrics.startswith("[::1]:"), six.metrics)
        self.assertEqual(get(six, "/-/ready")[0], 200)
        both = self.gateway(metrics=":0")
        _, port = split_address(both.metrics)
        for host in ("127.0.0.1", "[::1]"):
            both.metrics = f"{host}:{port}"
            self.assertEqual(Scrape(both).total("echogw_state", state="serving"), 1)

    def test_idle_connections_do_not_stall_a_scrape(self):
        address = split_address(self.server.metrics)
        with socket.create_connection(address), socket.create_connection(address) as half:
            half.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n")  # and no more
            for _ in range(4):
                begun = time.monotonic()
                Scrape(self.server)
                self.assertLess(time.monotonic() - begun, 1.5)


class Resizing(EndToEnd):
    def test_counters_never_go_back(self):
        gateway = self.gateway(reactors=8)
        stop = threading.Event()
        faults = []
        rounds = 0

        def traffic():
            try:
                while not stop.is_set():
                    if echo_once(gateway.address, b"some traffic") != b"some traffic":
                        faults.append("a wrong echo")
            except OSError as error:
                faults.append(repr(error))

        def resizes():
            for target in ("2", "8", "1", "8", "3", "8"):
                self.ctl(gateway, "resize", target, "--wait")

        client = threading.Thread(target=traffic)
        operator = threading.Thread(target=resizes)
        client.start()
        operator.start()
        last = {}
        try:
            while operator.is_alive() or rounds < 3:
                now = Scrape(gateway).counters()
                for key, value in last.items():
                    self.assertIn(key, now)
                    self.assertGreaterEqual(now[key], value, key)
                last = now
                rounds += 1
        finally:
            stop.set()
            client.join()
            operator.join()
        self.assertEqual(faults, [])
        self.assertGreater(rounds, 5)


class Prometheus(EndToEnd):
    def test_scrapes_the_gateway_through_resizes(self):
        gateway = self.gateway(reactors=8)
        server = PrometheusServer(self, {
            "global": {"scrape_interval": "250ms", "scrape_timeout": "250ms"},
            "scrape_configs": [{"job_name": "echogw",
                                "static_configs": [{"targets": [gateway.metrics]}]}]})
        wait_until(server.targets_are_up, "the target is up")
        for i, target in enumerate(("2", "8", "3")):
            for j in range(20):
                payload = pattern(300, i * 100 + j)
                self.assertEqual(echo_once(gateway.address, payload), payload)
            self.ctl(gateway, "resize", target, "--wait")
            wait_until(lambda n=20 * (i + 1): server.value(
                "sum(echogw_connections_accepted_total)") == n, "as many as were opened")
        self.assertEqual(server.value("sum(echogw_received_bytes_total)"), 3 * 20 * 300)
        # Prometheus saw no counter reset and no failed scrape.
        names = server.ask("label/__name__/values")
        for name in [n for n in names if n.endswith("_total")]:
            resets = server.value(f"max(resets({name}[10m]))")
            self.assertIn(resets, (0.0, None), name)
        self.assertEqual(server.value("min_over_time(up[10m])"), 1)
        self.assertIsNotNone(server.value("echogw_build_info"))


if __name__ == "__main__":
    unittest.main()
