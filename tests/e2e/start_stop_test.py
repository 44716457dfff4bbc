"""Goal: the gateway starts completely or not at all, and stops as documented for SIGTERM.
Method: the real binary as a process; its output, its exit code, and the clients' view."""

import os
import re
import signal
import socket
import tempfile
import threading
import time
import unittest

from harness import ECHOGW, TIMEOUT, EndToEnd, run, split_address, wait_until
from admin_api import HEALTH, Admin, grpc, health_pb2
from wire import connect, echo_once, outcome, pattern, ping


class Start(EndToEnd):
    def test_printed_addresses_are_real(self):
        gateway = self.gateway()
        self.assertNotIn(":0", [a[-2:] for a in gateway.listen + [gateway.admin, gateway.metrics]])
        payload = pattern(1000)
        self.assertEqual(echo_once(gateway.address, payload), payload)
        info = self.ctl_json(gateway, "info")
        self.assertEqual(info["listen_addresses"], gateway.listen)
        self.assertEqual(info["admin_address"], gateway.admin)
        self.assertEqual(info["metrics_address"], gateway.metrics)
        self.assertEqual(info["pid"], gateway.pid)
        with connect(split_address(gateway.metrics)):
            pass

    def test_version_names_itself(self):
        result = run(ECHOGW, "--version")
        self.assertEqual(result.code, 0)
        self.assertEqual(result.err, "")
        self.one_line(result.out)
        self.assertRegex(result.out, r"^echogw \d+\.\d+\.\d+")

    def test_help_names_every_key_with_its_default(self):
        result = run(ECHOGW, "--help")
        self.assertEqual(result.code, 0)
        self.assertEqual(result.err, "")
        keys = re.findall(r"^([a-z-]+) = ", run(ECHOGW, "--print-config").out, re.M)
        self.assertGreater(len(keys), 20)
        for key in keys:
            self.assertIn(f"--{key} ", result.out)
        # Fault injection is not a user setting.
        self.assertNotIn("--fault", result.out)

    def test_idle_gateway_costs_no_cpu(self):
        gateway = self.gateway(reactors=4)
        before = self.stats(gateway)["process_cpu_nanoseconds"]
        begun = time.monotonic()
        wait_until(lambda: time.monotonic() - begun > 0.5, "half a second of nothing")
        spent = self.stats(gateway)["process_cpu_nanoseconds"] - before
        # A spinning loop would have used 500 ms; the two calls use little.
        self.assertLess(spent, 100_000_000)


class PortInUse(EndToEnd):
    """A failed start exits with 1 and one line, and holds no port."""

    def setUp(self):
        self.taken = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.taken.close)
        self.port = self.taken.getsockname()[1]

    def refused(self, *flags):
        result = run(ECHOGW, "--reactors", "2", "--cpus", "none", *flags)
        self.assertEqual(result.code, 1, result)
        self.one_line(result.err, "echogw", str(self.port))
        self.assertNotIn("ready", result.out)

    def test_listen(self):
        self.refused("--listen", f"127.0.0.1:{self.port}", "--admin", "127.0.0.1:0",
                     "--metrics", "127.0.0.1:0")

    def test_listen_that_another_gateway_serves(self):
        other = self.gateway()
        self.port = other.address[1]
        self.refused("--listen", other.target, "--admin", "127.0.0.1:0",
                     "--metrics", "127.0.0.1:0")
        self.assertEqual(echo_once(other.address, b"still here"), b"still here")

    def test_admin(self):
        self.refused("--listen", "127.0.0.1:0", "--admin", f"127.0.0.1:{self.port}",
                     "--metrics", "127.0.0.1:0")

    def test_metrics(self):
        self.refused("--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0",
                     "--metrics", f"127.0.0.1:{self.port}")

    def test_admin_of_another_gateway_is_not_shared(self):
        other = self.gateway()
        self.port = split_address(other.admin)[1]
        self.refused("--listen", "127.0.0.1:0", "--admin", other.admin, "--metrics", "off")

    def test_a_port_may_be_shared_when_asked_for(self):
        first = self.gateway("--allow-shared-port", "on")
        second = self.gateway("--allow-shared-port", "on", listen=(first.target,))
        self.assertEqual(first.target, second.target)


class PortGuard(EndToEnd):
    """The kernel lets processes of one user share such a port. A second gateway must not join by
    default, whichever form of the address is bound first."""

    FORMS = {"ipv4": "127.0.0.1", "ipv6": "[::1]", "ipv4 any": "0.0.0.0", "dual stack": "",
             "any": "[::]"}
    APART = ({"ipv4", "ipv6"}, {"ipv6", "ipv4 any"})

    def test_refuses_every_form_that_overlaps(self):
        refused = 0
        for first, host in self.FORMS.items():
            gateway = self.gateway(listen=(f"{host}:0",), metrics="off")
            for second, other in self.FORMS.items():
                if {first, second} in self.APART:
                    continue
                address = f"{other}:{gateway.address[1]}"
                result = run(ECHOGW, "--reactors", "1", "--cpus", "none", "--listen", address,
                             "--admin", "127.0.0.1:0", "--metrics", "off")
                with self.subTest(first=first, second=second):
                    self.assertEqual(result.code, 1, result)
                    self.one_line(result.err, f":{gateway.address[1]} is in use",
                                  "--allow-shared-port")
                    refused += 1
            # The first gateway got all handshakes meanwhile.
            local = ("::1" if first == "ipv6" else "127.0.0.1", gateway.address[1])
            for _ in range(8):
                self.assertEqual(echo_once(local, b"mine"), b"mine")
            gateway.drained()
        self.assertEqual(refused, 21)

    def test_forms_that_do_not_overlap_live_side_by_side(self):
        four = self.gateway(listen=("127.0.0.1:0",), metrics="off")
        six = self.gateway(listen=(f"[::1]:{four.address[1]}",), metrics="off")
        self.assertEqual(echo_once(four.address, b"4"), b"4")
        self.assertEqual(echo_once(six.address, b"6"), b"6")

    def test_port_0_is_never_the_same(self):
        ports = [self.gateway(listen=(":0",), metrics="off").address[1] for _ in range(4)]
        self.assertEqual(len(set(ports)), 4)

    def test_the_second_one_decides(self):
        first = self.gateway(metrics="off")
        second = self.gateway("--allow-shared-port", "on", listen=(first.target,), metrics="off")
        self.assertEqual(first.target, second.target)

    def test_a_socket_that_does_not_share_is_refused_even_then(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            result = run(ECHOGW, "--listen", f"127.0.0.1:{taken.getsockname()[1]}", "--admin",
                         "127.0.0.1:0", "--metrics", "off", "--allow-shared-port", "on")
        self.assertEqual(result.code, 1, result)
        self.one_line(result.err, "in use")


class Stop(EndToEnd):
    def test_idle_gateway_ends_with_0(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number):
                gateway = self.gateway()
                gateway.signal(number)
                self.assertEqual(gateway.wait(), 0)
                with self.assertRaises(ConnectionRefusedError):
                    connect(gateway.address)

    def test_idle_connections_get_fin(self):
        gateway = self.gateway()
        clients = [connect(gateway.address) for _ in range(8)]
        for client in clients:
            self.assertEqual(ping(client), b"ping")
        gateway.signal(signal.SIGTERM)
        for client in clients:
            with client:
                self.assertEqual(outcome(client), "fin")
        self.assertEqual(gateway.wait(), 0)

    def test_busy_connections_end_between_two_answers(self):
        gateway = self.gateway("--drain-spread", "300ms", "--drain-deadline", "20s")
        message = pattern(64)
        rounds, short, faults = [], [], []

        def talk():
            done = 0
            try:
                with connect(gateway.address) as client:
                    while (answer := ping(client, message)) == message:
                        done += 1
                    # FIN arrived, and not in the middle of a reply.
                    short.append(answer)
            except OSError as error:
                faults.append(error)
            rounds.append(done)

        threads = [threading.Thread(target=talk) for _ in range(8)]
        for thread in threads:
            thread.start()
        wait_until(lambda: self.stats(gateway)["total"]["reads"] > 500, "they talk")
        gateway.signal(signal.SIGTERM)
        for thread in threads:
            thread.join(TIMEOUT)
        self.assertEqual(gateway.wait(), 0)
        self.assertEqual(faults, [])
        self.assertEqual(short, [b""] * 8)
        self.assertGreater(min(rounds), 0)

    def test_health_turns_before_connections_are_closed(self):
        gateway = self.gateway("--drain-quiet-period", "400ms", "--drain-deadline", "10s")
        admin = Admin(gateway)
        self.addCleanup(admin.close)
        statuses = admin.health.Watch(health_pb2.HealthCheckRequest(), timeout=20)
        self.assertEqual(next(statuses).status, HEALTH.SERVING)
        with connect(gateway.address) as client:
            self.assertEqual(ping(client), b"ping")
            gateway.signal(signal.SIGTERM)
            self.assertEqual(next(statuses).status, HEALTH.NOT_SERVING)
            # After the signal, the gateway still serves and accepts.
            self.assertEqual(ping(client), b"ping")
            self.assertEqual(echo_once(gateway.address, b"late"), b"late")
            self.assertEqual(outcome(client), "fin")
        self.assertEqual(gateway.wait(), 0)
        with self.assertRaises(grpc.RpcError):
            list(statuses)

    def test_a_client_that_never_closes_is_reset_at_the_deadline(self):
        gateway = self.gateway("--drain-deadline", "600ms")
        with connect(gateway.address, rcvbuf=4096) as client:
            # It does not read its pending replies, so it cannot be closed gracefully.
            client.setblocking(False)
            payload = pattern(1 << 20)
            wait_until(lambda: self._stuck(client, payload) and
                       self.stats(gateway)["total"]["pending_bytes"] > 0,
                       "the gateway holds bytes for the client")
            begun = time.monotonic()
            gateway.signal(signal.SIGTERM)
            self.assertEqual(gateway.wait(), 0)
            self.assertLess(time.monotonic() - begun, 10)
            client.settimeout(10)
            self.assertEqual(outcome(client), "reset")

    @staticmethod
    def _stuck(client, payload):
        try:
            while client.send(payload):
                pass
        except BlockingIOError:
            return True
        return False

    def test_second_signal_ends_at_once(self):
        gateway = self.gateway("--drain-quiet-period", "60s", "--drain-quiet-max-wait", "60s",
                               "--drain-deadline", "120s")
        gateway.signal(signal.SIGTERM)
        gateway.err.wait_for(r"quiet")
        begun = time.monotonic()
        gateway.signal(signal.SIGINT)
        self.assertEqual(gateway.wait(), 128 + signal.SIGINT)
        self.assertLess(time.monotonic() - begun, 2)

    def test_hangup_reopens_the_log_file_and_nothing_else(self):
        with tempfile.TemporaryDirectory() as folder:
            log = os.path.join(folder, "e.log")
            gateway = self.gateway("--log-file", log)
            os.rename(log, log + ".1")
            gateway.signal(signal.SIGHUP)
            wait_until(lambda: os.path.exists(log) and "reopened" in open(log).read(),
                       "a new file")
        self.assertEqual(echo_once(gateway.address, b"still here"), b"still here")
        without = self.gateway()
        without.signal(signal.SIGHUP)
        self.assertEqual(echo_once(without.address, b"still here"), b"still here")
        self.assertNotIn("SIGHUP", without.err.text())

    def test_no_file_is_left_open_by_closed_connections(self):
        gateway = self.gateway()
        echo_once(gateway.address, b"first")
        wait_until(lambda: self.stats(gateway)["total"]["connections_active"] == 0, "all closed")
        before = gateway.open_files()
        for i in range(50):
            self.assertEqual(echo_once(gateway.address, pattern(100, i)), pattern(100, i))
        # Connections of the admin client vary, so a few more or fewer are not a leak.
        wait_until(lambda: gateway.open_files() <= before + 3, "as few files as before")

    def test_a_failed_start_leaves_no_process_behind(self):
        result = run(ECHOGW, "--listen", "192.0.2.1:0", "--admin", "127.0.0.1:0",
                     "--metrics", "off")
        self.assertEqual(result.code, 1)
        self.one_line(result.err, "192.0.2.1")


if __name__ == "__main__":
    unittest.main()
