"""Goal: a service manager can start the gateway, receive its state, and keep its sockets over
restarts.
Method: the real binary with the variables that systemd sets. The test provides the datagram socket
of NOTIFY_SOCKET and listening sockets, passed as in sd_listen_fds(3)."""

import os
import signal
import socket
import sys
import threading
import unittest

from harness import ECHOGW, TIMEOUT, EndToEnd, run, wait_until
from wire import connect, echo_once, pattern, ping

# Moves the descriptors of its first argument to 3 and up, then executes the rest with the same PID.
_PASS = """
import os, sys
given = [os.dup2(int(fd), 100 + i) for i, fd in enumerate(sys.argv[1].split(","))]
for i, fd in enumerate(given):
    os.dup2(fd, 3 + i)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(given)))
os.execv(sys.argv[2], sys.argv[2:])
"""


class Manager:
    """The receiver of NOTIFY_SOCKET, with all messages in order."""

    def __init__(self, test, address):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        test.addCleanup(self.socket.close)
        self.socket.bind("\0" + address[1:] if address[0] == "@" else address)
        self.socket.settimeout(TIMEOUT)
        self.env = {"NOTIFY_SOCKET": address}
        self.messages = []

    def wait_for(self, word):
        """The next message with the line `word`."""
        while True:
            try:
                lines = self.socket.recv(4096).decode().split("\n")
            except TimeoutError:
                raise AssertionError(f"no {word} in {self.messages}") from None
            self.messages.append(lines)
            if any(line.startswith(word) for line in lines):
                return lines


class NotifyCase(EndToEnd):
    def manager(self, address=None):
        return Manager(self, address or os.path.join(self.temporary_folder(), "notify"))


class Notify(NotifyCase):
    def ready(self, manager):
        """On its own thread, because READY arrives before the gateway's output is read."""
        served = []

        def look():
            lines = manager.wait_for("READY=1")
            status = next(line for line in lines if line.startswith("STATUS="))
            address = status.split("Serving on ")[1].split(",")[0]
            host, port = address.rsplit(":", 1)
            served.append(echo_once((host, int(port)), b"at once"))

        thread = threading.Thread(target=look)
        thread.start()
        gateway = self.gateway(env=manager.env)
        thread.join(TIMEOUT)
        self.assertEqual(served, [b"at once"])
        # No earlier message.
        self.assertEqual(manager.messages[0][0], "READY=1")
        return gateway

    def test_ready_when_it_accepts(self):
        self.ready(self.manager())

    def test_abstract_socket(self):
        self.ready(self.manager(f"@echogw-test-{os.getpid()}"))

    def test_stop(self):
        manager = self.manager()
        gateway = self.gateway("--drain-deadline", "7s", env=manager.env)
        manager.wait_for("READY=1")
        gateway.signal(signal.SIGTERM)
        lines = manager.wait_for("STOPPING=1")
        self.assertIn("STATUS=SIGTERM: draining, then stopping", lines)
        limit = next(line for line in lines if line.startswith("EXTEND_TIMEOUT_USEC="))
        # Longer than the drain; otherwise the manager would kill it.
        self.assertGreater(int(limit.split("=")[1]), 7_000_000)
        self.assertEqual(gateway.wait(), 0)

    def test_status_follows_the_gateway(self):
        manager = self.manager()
        gateway = self.gateway(env=manager.env)
        manager.wait_for("READY=1")
        self.drain_into_quiet(gateway)
        manager.wait_for("STATUS=The gateway is quiet")
        self.ctl(gateway, "undrain")
        manager.wait_for(f"STATUS=Serving on {gateway.target}")

    def test_a_failed_start_is_not_ready(self):
        manager = self.manager()
        taken = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(taken.close)
        result = run(ECHOGW, "--listen", f"127.0.0.1:{taken.getsockname()[1]}", "--admin",
                     "127.0.0.1:0", "--metrics", "off", env=manager.env)
        self.assertEqual(result.code, 1, result)
        manager.socket.setblocking(False)
        with self.assertRaises(BlockingIOError):
            manager.socket.recv(4096)

    def test_a_manager_that_is_gone_does_not_stop_service(self):
        gateway = self.gateway(env={"NOTIFY_SOCKET": "/nonexistent/notify"})
        self.assertIsNotNone(gateway.err.wait_for(r"warning .*NOTIFY_SOCKET /nonexistent/notify"))
        self.assertEqual(echo_once(gateway.address, b"still"), b"still")

    def test_an_address_without_sense_does_not_stop_service(self):
        gateway = self.gateway(env={"NOTIFY_SOCKET": "notify"})
        self.assertIsNotNone(gateway.err.wait_for(r"warning .*'notify' is neither"))
        self.assertEqual(echo_once(gateway.address, b"still"), b"still")


class WatchdogSignal(NotifyCase):
    def test_beats(self):
        manager = self.manager()
        env = {**manager.env, "WATCHDOG_USEC": "40000"}
        gateway = self.gateway(env=env)
        manager.wait_for("READY=1")
        for _ in range(5):
            manager.wait_for("WATCHDOG=1")
        # The same during a drain, which ends normally.
        gateway.signal(signal.SIGTERM)
        self.assertEqual(gateway.wait(), 0)

    def test_not_for_another_process(self):
        manager = self.manager()
        gateway = self.gateway(env={**manager.env, "WATCHDOG_USEC": "2", "WATCHDOG_PID": "1"})
        manager.wait_for("READY=1")
        gateway.drained()
        manager.wait_for("STOPPING=1")
        self.assertNotIn(["WATCHDOG=1"], manager.messages)


class ActivationCase(EndToEnd):
    def listener(self, port=0, reuse_port=True, host="127.0.0.1"):
        listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.addCleanup(listener.close)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(reuse_port))
        listener.bind((host, port))
        listener.listen(128)
        return listener

    def group(self, count):
        """Listeners on one port."""
        first = self.listener()
        return [first] + [self.listener(first.getsockname()[1]) for _ in range(count - 1)]

    def passing(self, sockets):
        fds = [s.fileno() for s in sockets]
        return {"prefix": [sys.executable, "-c", _PASS, ",".join(map(str, fds))],
                "pass_fds": fds}

    def activated(self, sockets, *flags, listen=(), **options):
        return self.gateway(*flags, listen=listen, **self.passing(sockets), **options)


class SocketActivation(ActivationCase):
    def refused(self, *sockets, reactors=2):
        passing = self.passing(sockets)
        process = self.process(*passing["prefix"], ECHOGW, "--reactors", str(reactors), "--admin",
                               "127.0.0.1:0", "--metrics", "off", pass_fds=passing["pass_fds"])
        self.assertEqual(process.wait(), 1)
        self.assertNotIn("ready", process.out.text())
        return process.err.text()

    def owners(self, gateway):
        reactors = self.ctl_json(gateway, "reactors")["reactors"]
        return {r["id"]: len(r.get("listeners", [])) for r in reactors}

    def test_one_socket_for_three_reactors(self):
        listener = self.listener()
        # Queued before the gateway starts.
        early = connect(listener.getsockname())
        self.addCleanup(early.close)
        early.sendall(b"early")
        gateway = self.activated([listener], reactors=3)
        self.assertEqual(gateway.listen, ["%s:%d" % listener.getsockname()])
        self.assertEqual(early.recv(5), b"early")
        self.assertEqual(self.owners(gateway), {0: 1, 1: 1, 2: 1})
        # Steering knows which reactor owns the passed listener.
        for reactor in range(3):
            weights = [f"{r}={int(r == reactor)}" for r in range(3)]
            self.ctl(gateway, "steer", *weights)
            clients = [connect(gateway.address) for _ in range(4)]
            for client in clients:
                with client:
                    self.assertEqual(ping(client), b"ping")
            wait_until(lambda r=reactor: self.accepted(gateway, r) >= 4, "where it was steered to")

    def accepted(self, gateway, reactor):
        reactors = self.ctl_json(gateway, "reactors")["reactors"]
        return next(r for r in reactors if r["id"] == reactor)["counters"]["connections_accepted"]

    def test_more_sockets_than_reactors(self):
        gateway = self.activated(self.group(4), "--steering", "off", reactors=2)
        self.assertEqual(sum(self.owners(gateway).values()), 4)
        # The kernel's hash uses all four.
        for i in range(40):
            self.assertEqual(echo_once(gateway.address, pattern(64, i)), pattern(64, i))
        for target in ("5", "1", "4"):
            self.ctl(gateway, "resize", target, "--wait")
            for i in range(20):
                self.assertEqual(echo_once(gateway.address, pattern(64, i)), pattern(64, i))

    def test_a_restart_keeps_those_who_wait(self):
        sockets = self.group(2)
        first = self.activated(sockets)
        self.assertEqual(echo_once(first.address, b"first"), b"first")
        first.drained()
        with connect(sockets[0].getsockname()) as client:
            client.sendall(b"between")
            second = self.activated(sockets)
            self.assertEqual(client.recv(7), b"between")
        second.drained()

    def test_nothing_is_left_on_the_socket_by_a_silent_drain(self):
        sockets = self.group(2)
        gateway = self.activated(sockets, "--drain-refuse", "silent")
        gateway.drained()
        with connect(sockets[0].getsockname()) as client:
            client.sendall(b"heard")
            self.activated(sockets)
            self.assertEqual(client.recv(5), b"heard")

    def test_what_a_killed_gateway_left_is_cleared(self):
        sockets = self.group(2)
        gateway = self.activated(sockets)
        with connect(gateway.address) as client:
            self.assertEqual(ping(client), b"ping")
            self.ctl(gateway, "drain", "--refuse", "silent", "--quiet-period", "0s",
                     "--spread", "1h", "--deadline", "2h")
            gateway.err.wait_for("gateway is closing")
            gateway.signal(signal.SIGKILL)
            gateway.wait()
        again = self.activated(sockets)
        self.assertEqual(echo_once(again.address, b"again"), b"again")

    def test_ipv6_and_configured_addresses_beside(self):
        six = self.listener(host="::1")
        gateway = self.activated([six], listen=("127.0.0.1:0",))
        self.assertEqual(gateway.listen[0], "[::1]:%d" % six.getsockname()[1])
        self.assertEqual(len(gateway.listen), 2)
        self.assertEqual(echo_once(six.getsockname()[:2], b"six"), b"six")
        self.assertEqual(echo_once(("127.0.0.1", int(gateway.listen[1].split(":")[1])), b"four"),
                         b"four")

    def test_for_another_process(self):
        # Descriptors passed to the parent are ignored.
        gateway = self.gateway(env={"LISTEN_PID": "1", "LISTEN_FDS": "1"})
        self.assertEqual(echo_once(gateway.address, b"own"), b"own")

    def test_without_reuse_port(self):
        text = self.refused(self.listener(reuse_port=False))
        self.one_line(text, "passed descriptor 3", "127.0.0.1:", "ReusePort=yes")

    def test_no_listener(self):
        unbound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(unbound.close)
        self.one_line(self.refused(self.listener(), unbound), "passed descriptor 4",
                      "no TCP socket")

    def test_a_port_of_another_user_takes_no_more_sockets(self):
        if os.geteuid() != 0:
            self.skipTest("needs root to make a socket of another user's")
        os.seteuid(65534)
        try:
            sockets = self.group(2)
            alone = self.listener()
        finally:
            os.seteuid(0)
        text = self.refused(*sockets, reactors=3)
        self.one_line(text, "reactor 2", "in use", "passed")
        gateway = self.activated(sockets, reactors=2)
        self.assertEqual(echo_once(gateway.address, b"two"), b"two")
        # By default there are as many reactors as sockets.
        gateway = self.activated([alone], reactors="auto")
        self.assertEqual(echo_once(gateway.address, b"one"), b"one")
        self.assertEqual(self.owners(gateway), {0: 1})


if __name__ == "__main__":
    unittest.main()
