"""Goal: limits set by an operator take effect at once, are counted by reason, and are shown
everywhere.
Method: the real binaries; clients that exceed each limit."""

import contextlib
import socket
import time
import unittest

from admin_api import Admin, code_of, grpc, pb
from exporter import Scrape
from harness import EndToEnd, wait_until
from wire import connect, echo_once, ping


def ended(client):
    """How the connection ends for the client: b"" for FIN, None for RST."""
    client.settimeout(20)
    try:
        return client.recv(1)
    except ConnectionError:
        return None


class LimitsCase(EndToEnd):
    def set(self, gateway, *limits, expect=0):
        return self.ctl(gateway, "limits", "set", *limits, expect=expect)

    def closed(self, gateway):
        return self.stats(gateway)["total"]["connections_closed"]

    def rejected(self, gateway):
        return self.stats(gateway)["total"]["connections_rejected"]


class Time(LimitsCase):
    def test_idle_old_and_silent_ones_are_closed(self):
        gateway = self.gateway("--first-byte-timeout", "300ms", reactors=2)
        with connect(gateway.address) as silent, connect(gateway.address) as client:
            self.assertEqual(ping(client), b"ping")
            self.assertEqual(ended(silent), b"")
        wait_until(lambda: self.closed(gateway)["no_first_byte"] == 1, "it is counted")
        self.set(gateway, "--first-byte-timeout", "0", "--idle-timeout", "1s")
        with connect(gateway.address) as idle, connect(gateway.address) as busy:
            self.assertEqual(ping(idle), b"ping")
            idle.setblocking(False)
            while True:
                self.assertEqual(ping(busy), b"ping")
                with contextlib.suppress(BlockingIOError):
                    self.assertEqual(idle.recv(1), b"")
                    break
        wait_until(lambda: self.closed(gateway)["idle_timeout"] == 1, "it is counted")
        with connect(gateway.address) as old:
            self.set(gateway, "--idle-timeout", "0", "--max-age", "100ms")
            self.assertEqual(ended(old), b"")
        wait_until(lambda: sum(self.closed(gateway)[r] for r in ("idle_timeout", "max_age")) == 2,
                   "it is counted")
        with connect(gateway.address) as old:
            self.assertEqual(ended(old), b"")
        wait_until(lambda: self.closed(gateway)["max_age"] >= 1, "it is counted")


class Numbers(LimitsCase):
    def test_a_client_and_all_clients_have_so_many(self):
        gateway = self.gateway(reactors=3)
        with contextlib.ExitStack() as stack:
            def join(source="127.0.0.1"):
                # A reset may arrive before connect returns.
                try:
                    client = socket.create_connection(gateway.address, timeout=20,
                                                      source_address=(source, 0))
                except ConnectionError:
                    return None
                try:
                    client.sendall(b"x")
                    if client.recv(1) == b"x":
                        return stack.enter_context(client)
                except ConnectionError:
                    pass
                client.close()
                return None

            held = [join() for _ in range(3)]
            self.set(gateway, "--max-connections-per-client", "4")
            self.assertIsNotNone(join())
            self.assertIsNone(join())
            self.assertIsNotNone(join("127.0.0.2"))
            self.set(gateway, "--max-connections-total", "5")
            self.assertIsNone(join("127.0.0.3"))
            self.ctl(gateway, "resize", "1", "--wait")
            self.assertIsNone(join("127.0.0.3"))
            held[0].close()
            wait_until(lambda: self.stats(gateway)["total"]["connections_active"] == 4, "room")
            self.assertIsNotNone(join("127.0.0.3"))
            rejected = self.rejected(gateway)
            self.assertEqual((rejected["client_limit"], rejected["total_limit"]), (1, 2))


class Rates(LimitsCase):
    def test_connections_beyond_the_rate_wait_or_are_reset(self):
        gateway = self.gateway("--accept-rate", "10", "--accept-burst", "5", reactors=2)
        begun = time.monotonic()
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(connect(gateway.address)) for _ in range(15)]
            for client in clients:
                self.assertEqual(ping(client), b"ping")
        # A burst of five, then ten at ten per second.
        self.assertGreater(time.monotonic() - begun, 0.95)
        total = self.stats(gateway)["total"]
        self.assertGreater(total["accept_rate_waits"], 0)
        self.assertEqual(sum(total["connections_rejected"].values()), 0)
        self.set(gateway, "--accept-rate", "1", "--accept-burst", "1", "--accept-excess", "reset")
        with contextlib.ExitStack() as stack:
            ends = []
            for _ in range(4):
                try:
                    client = stack.enter_context(connect(gateway.address))
                    client.shutdown(socket.SHUT_WR)
                except ConnectionError:
                    ends.append(None)
                else:
                    ends.append(ended(client))
        self.assertEqual(ends[0], b"")
        self.assertIn(None, ends)
        self.assertEqual(self.rejected(gateway)["accept_rate"], ends.count(None))

    def test_bytes_beyond_the_rate_wait(self):
        gateway = self.gateway("--rate", "400KiB", reactors=1)
        message = bytes(range(256)) * 1600  # 400 KiB: a quarter at once, the rest in 0.75 s
        begun = time.monotonic()
        self.assertEqual(echo_once(gateway.address, message), message)
        took = time.monotonic() - begun
        self.assertGreater(took, 0.6)
        self.assertLess(took, 5)


class Telling(LimitsCase):
    def test_who_changed_what_is_told_everywhere(self):
        gateway = self.gateway("--max-age", "1h", "--rate", "1MiB", reactors=1)
        shown = self.ctl_json(gateway, "limits")["limits"]
        self.assertEqual((shown["max_age"], shown["rate_bytes_per_second"]), ("3600s", 1 << 20))
        self.set(gateway, "--idle-timeout", "30s", "--max-age", "0")
        self.set(gateway, "--idle-timeout", "40s", "--dry-run")
        event = self.ctl_json(gateway, "events")["events"][-1]
        self.assertEqual((event["kind"], event["message"]),
                         ("limits", "idle_timeout 0 -> 30s, max_age 1h -> 0"))
        self.assertIn("ipv4:127.0.0.1", event["actor"])
        self.assertEqual(self.ctl_json(gateway, "info")["limits"]["idle_timeout"], "30s")
        metrics = Scrape(gateway)
        self.assertEqual(metrics.total("echogw_limit", limit="idle_timeout_seconds"), 30)
        self.assertEqual(metrics.total("echogw_limit", limit="max_connections"), 1 << 20)

    def test_a_bad_limit_changes_none(self):
        gateway = self.gateway(reactors=1)
        admin = Admin(gateway)
        self.addCleanup(admin.close)
        before = admin.call("GetLimits").limits
        for limits, words in ((pb.Limits(rate_bytes_per_second=5, max_connections=0),
                               "max_connections: 0 is not a number from 1 to 1048576"),
                              (pb.Limits(rate_bytes_per_second=5, accept_rate=10**9),
                               "accept_rate: 1000000000 is not 0 or a number from 1 to 1000000"),
                              (pb.Limits(accept_excess=7), "accept_excess: 7 is not a value")):
            with code_of(self, grpc.StatusCode.INVALID_ARGUMENT, words):
                admin.call("SetLimits", limits=limits)
        short = pb.Limits(rate_bytes_per_second=5)
        short.idle_timeout.nanos = 1000
        with code_of(self, grpc.StatusCode.INVALID_ARGUMENT, "idle_timeout: must be from 100ms"):
            admin.call("SetLimits", limits=short)
        self.assertEqual(admin.call("GetLimits").limits, before)


if __name__ == "__main__":
    unittest.main()
