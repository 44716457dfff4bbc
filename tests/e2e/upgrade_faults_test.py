"""Goal: whatever goes wrong in an upgrade, no connection is lost that could be kept.
Method: the real gateway against a successor, and against a predecessor, that die, stop, lie or
refuse at every step of the protocol; and against faults after any number of bytes.

The promise, step by step: until the successor is told to serve, the gateway serves on with all its
connections. If the gateway itself dies, its successor serves what it has received.
"""

import os
import random
import select
import signal
import socket
import time
import unittest

from handover import Channel
from harness import ECHOGW, TIMEOUT, EndToEnd, Process, wait_until
from upgrade import Churn, UpgradeCase
from wire import Crowd, connect, echo_once, fill, outcome, pattern, ping, recv_exactly

# For fake_successor.py, which a gateway starts.
STUBS = {"ECHOGW_PROTO_GEN": os.environ.get("ECHOGW_PROTO_GEN", "")}
FAKE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fake_successor.py")
# Of random faults; 2000 for a long run.
ROUNDS = int(os.environ.get("ECHOGW_TEST_ROUNDS", "40"))


class Successors(UpgradeCase):
    """Each goes wrong at one step."""

    def rolled_back(self, *faults):
        for fault in faults:
            step, _, action = fault.partition(":")
            gateway = self.gateway(env={**STUBS, "ECHOGW_TEST_FAULT": fault})
            with self.subTest(fault), Crowd(gateway.address, 40) as crowd:
                slow = connect(gateway.address, rcvbuf=4096)
                self.addCleanup(slow.close)
                backlog = pattern(16 << 20, 5)
                sent = fill(slow, backlog)
                before = self.stats(gateway)["total"]["connections_accepted"]
                begun = time.monotonic()
                failed = self.ctl(gateway, "upgrade", "--binary", FAKE, "--deadline", "2s",
                                  "--wait", expect=None, timeout=60)
                self.assertIn(failed.code, (1, 4), failed)
                self.assertIn("this process serves on", failed.out)
                if action == "refuse":
                    self.assertIn("refused on purpose", failed.out)
                self.assertLess(time.monotonic() - begun, 30)
                self.assertEqual(crowd.echo(), 40)
                self.assertEqual(recv_exactly(slow, sent), backlog[:sent])
                self.assertEqual(echo_once(gateway.address, b"new"), b"new")
                self.assertEqual(self.pid_of(gateway), gateway.pid)
                self.accounts_balance(gateway)
                total = self.stats(gateway)["total"]
                self.assertEqual(total["connections_accepted"], before + 1)
                self.assertEqual(total["connections_closed"]["drain_forced"], 0)
                # Nothing of it is left, and the next one succeeds.
                self.upgrade(gateway, verb="upgrade")
                self.assertEqual(crowd.echo(2), 40)

    def test_before_it_is_ready(self):
        self.rolled_back("hello:die", "hello:lie", "hello:refuse", "hello:stop", "offer:die",
                         "offer:lie", "offer:refuse", "offer:silence")

    def test_with_connections_in_transit(self):
        self.rolled_back("connections:die", "connections:lie", "connections:refuse",
                         "connections:stop")

    def test_with_everything(self):
        self.rolled_back("state:die", "state:lie", "state:refuse", "state:silence")

    def test_dead_when_it_was_told_to_serve(self):
        """What it did meanwhile is not known: its connections are lost, nothing else is."""
        gateway = self.gateway("--listen-udp", "127.0.0.1:0",
                               env={**STUBS, "ECHOGW_TEST_FAULT": "commit:die"})
        with Crowd(gateway.address, 20) as crowd:
            failed = self.ctl(gateway, "upgrade", "--binary", FAKE, "--wait", expect=1)
            self.assertIn("its 20 connections are lost", failed.out)
            for client in crowd.clients:
                self.assertIn(outcome(client), ("fin", "reset"))
        self.assertEqual(echo_once(gateway.address, b"new"), b"new")
        self.upgrade(gateway)
        self.assertEqual(echo_once(gateway.address, b"newer"), b"newer")

    def test_stopped_when_it_was_told_to_serve(self):
        """It serves as soon as it goes on: the gateway must not serve the same connections."""
        gateway = self.gateway(env={**STUBS, "ECHOGW_TEST_FAULT": "commit:stop"})
        with Crowd(gateway.address, 3):
            self.ctl(gateway, "upgrade", "--binary", FAKE)
            pid = int(gateway.err.wait_for(r"started process (\d+)")[1])
            wait_until(lambda: not gateway.running(), "the gateway has left", timeout=60)
            # Its listeners and the connections are there, and nobody has touched them.
            waiting = connect(gateway.address)
            self.addCleanup(waiting.close)
            os.kill(pid, signal.SIGKILL)  # stopped by itself, and nobody else's by now
            self.assertEqual(gateway.wait(), 0)
            self.assertEqual(outcome(waiting), "reset")


class FakePredecessor:
    """Hands one listener and some connections to a real gateway, up to a step."""

    def __init__(self, *flags):
        self.listener = socket.create_server(("127.0.0.1", 0), reuse_port=True)
        self.listener.setblocking(False)  # as all sockets of a gateway
        self.address = self.listener.getsockname()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        ours.settimeout(TIMEOUT)
        self.channel = Channel(ours)
        # The channel has a number that the test chooses.
        os.dup2(theirs.fileno(), 200)
        self.process = Process([ECHOGW, "--cpus", "none", "--admin", "127.0.0.1:0", "--metrics",
                                "off", "--listen", "127.0.0.1:0", "--drain-quiet-period", "0s",
                                "--drain-spread", "0s", *flags, "--takeover-fd", "200"],
                               pass_fds=(200, ))
        os.close(200)
        theirs.close()
        self.clients = []

    def offer(self, **fields):
        self.channel.send(offer={"protocol": 1, "pid": os.getpid(), "version": "0.0-test",
                                 "slots": 1, "reactors": 1, "reactors_configured": 1,
                                 "listen": ["127.0.0.1:0"], "sockets": 1, **fields})
        self.channel.send([self.listener.fileno()], sockets={
            "sockets": [{"kind": "KIND_LISTENER"}]})

    def accept(self):
        wait_until(lambda: select.select([self.listener], [], [], 0)[0], "a connection")
        accepted = self.listener.accept()[0]
        accepted.setblocking(False)
        return accepted

    def connections(self, count):
        served = []
        message = {"connections": []}
        for i in range(count):
            self.clients.append(connect(self.address))
            served.append(self.accept())
            message["connections"].append({"id": i + 1, "pending": b"held for %d" % i})
        self.channel.send([s.fileno() for s in served], connections=message)
        for connection in served:
            connection.close()

    def state(self):
        self.channel.send(state={"slots": [{"state": "serving", "weight": 1, "counters": {
            "connections_accepted": 100}}], "quiesced_at_ns": time.monotonic_ns()})

    def die(self):
        self.channel.sock.close()
        self.listener.close()

    def close(self):
        self.die()
        for client in self.clients:
            client.close()
        self.process.end()


class Predecessors(EndToEnd):
    """Each dies, or goes wrong, at one step."""

    def predecessor(self, *flags):
        predecessor = FakePredecessor(*flags)
        self.addCleanup(predecessor.close)
        return predecessor

    def serves(self, before, count):
        self.assertIsNotNone(before.process.out.wait_for("^ready$"), before.process.err.text())
        for i, client in enumerate(before.clients):
            held = b"held for %d" % i
            self.assertEqual(recv_exactly(client, len(held)), held)
            self.assertEqual(ping(client), b"ping")
        self.assertEqual(len(before.clients), count)
        self.assertEqual(echo_once(before.address, b"new"), b"new")

    def test_that_hands_over_and_ends(self):
        before = self.predecessor()
        before.offer()
        self.assertEqual(before.channel.receive()[0], "ready")
        before.connections(10)
        before.state()
        self.assertEqual(list(before.channel.receive()[1].refused), [])
        for client in before.clients:
            client.settimeout(0.05)
            with self.assertRaises(TimeoutError, msg="served before it was told to"):
                client.recv(1)
            client.settimeout(TIMEOUT)
        before.channel.send(commit={})
        self.assertEqual(before.channel.receive()[0], "serving")
        before.die()
        self.serves(before, 10)

    def test_that_dies(self):
        for step in ("connections", "state"):
            with self.subTest(step):
                before = self.predecessor()
                before.offer()
                self.assertEqual(before.channel.receive()[0], "ready")
                before.connections(10)
                if step == "state":
                    before.state()
                    self.assertEqual(before.channel.receive()[0], "prepared")
                before.die()
                self.serves(before, 10)
                self.assertIn("has ended during the handover", before.process.err.text())

    def test_that_dies_before_it_hands_over(self):
        """Its end is that of any gateway: what it only tried does not serve."""
        for step in ("offer", "ready"):
            before = self.predecessor()
            before.offer()
            if step == "ready":
                self.assertEqual(before.channel.receive()[0], "ready")
            before.die()
            self.assertEqual(before.process.wait(), 1)

    def test_that_dies_before_it_has_offered(self):
        before = self.predecessor()
        before.die()
        self.assertEqual(before.process.wait(), 1)
        self.one_line(before.process.err.text(), "echogw:", "has ended")

    def test_that_aborts(self):
        for step in ("ready", "state"):
            before = self.predecessor()
            before.offer()
            self.assertEqual(before.channel.receive()[0], "ready")
            if step == "state":
                before.connections(3)
                before.state()
                self.assertEqual(before.channel.receive()[0], "prepared")
            before.channel.send(abort={"reason": "on purpose"})
            self.assertEqual(before.process.wait(), 1)

    def test_that_lies(self):
        wrong = self.predecessor()
        wrong.channel.sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        self.assertEqual(wrong.process.wait(), 1)
        self.assertIn("does not speak this protocol", wrong.process.err.text())

    def test_of_another_release(self):
        for fields, why in (({"protocol": 2}, "no handover protocol in common"),
                            ({"features": ["quantum"]}, "no handover protocol in common"),
                            ({"slots": 0}, "has no reactors")):
            before = self.predecessor()
            before.offer(**fields)
            self.assertEqual(before.process.wait(), 1, before.process.err.text())
            self.assertIn(why, before.process.err.text())
        # A field that this release does not know is ignored.
        newer = self.predecessor()
        newer.offer(listen_udp=["127.0.0.1:9"])
        name, ready, _ = newer.channel.receive()
        self.assertEqual((name, list(ready.addresses_dropped)), ("ready", ["127.0.0.1:9"]))

    def test_connections_that_this_release_cannot_serve_are_refused_one_by_one(self):
        before = self.predecessor()
        before.offer()
        before.channel.receive()
        client = connect(before.address)
        self.addCleanup(client.close)
        served = before.accept()
        before.channel.send([served.fileno()], connections={"connections": [
            {"id": 7, "session": {"service": "fortune"}}]})
        before.connections(2)
        before.state()
        self.assertEqual(list(before.channel.receive()[1].refused), [7])
        before.channel.send(commit={})
        before.channel.receive()
        # It stays where it was.
        served.sendall(b"served by the one before")
        self.assertEqual(client.recv(100), b"served by the one before")
        served.close()
        before.die()
        self.serves(before, 2)


class RandomFaults(UpgradeCase):
    def test_after_any_number_of_bytes(self):
        """The successor goes wrong in the middle of a frame or between two, in every state."""
        seed = int(os.environ.get("ECHOGW_TEST_SEED", random.randrange(1 << 32)))
        print(f"seed {seed}, {ROUNDS} rounds", flush=True)
        rng = random.Random(seed)
        fault = os.path.join(self.temporary_folder(), "fault")
        gateway = self.gateway("--log-level", "warn", reactors=3,
                               env={**STUBS, "ECHOGW_TEST_FAULT": fault})
        slow = connect(gateway.address, rcvbuf=4096)
        self.addCleanup(slow.close)
        backlog = pattern(24 << 20, 6)
        sent = fill(slow, backlog)
        failures = set()
        with Crowd(gateway.address, 100) as crowd, Churn(gateway.address, 2) as churn:
            for round_ in range(ROUNDS):
                # Three quarters of what is sent is what the slow client has not taken.
                at = rng.randrange(1 << rng.randrange(1, 18))
                action = rng.choice(("die", "die", "lie", "refuse"))
                with open(fault, "w", encoding="utf-8") as file:
                    file.write(f"{at}:{action}")
                ended = self.ctl_json(gateway, "upgrade", "--binary", FAKE, "--wait",
                                      expect=1)["operation"]
                where = (round_, at, action, ended["message"])
                self.assertIn("this process serves on", ended["message"], where)
                failures.add(ended["phase"])
                if round_ % 8 == 7:
                    self.assertEqual(crowd.echo(round_), 100, where)
                    self.assertEqual(recv_exactly(slow, 10_000), backlog[:10_000], where)
                    backlog = backlog[10_000:]
                    sent -= 10_000
            self.assertEqual(churn.errors, [])
            self.assertEqual(crowd.echo(ROUNDS), 100)
        self.assertEqual(recv_exactly(slow, sent), backlog[:sent])
        slow.close()
        self.assertLessEqual({"start"}, failures)
        self.accounts_balance(gateway)
        self.upgrade(gateway)


if __name__ == "__main__":
    unittest.main()
