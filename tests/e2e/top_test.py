"""Goal: an operator can run the gateway from `echogwctl top` alone.
Method: the real binaries; top in tmux, controlled by keys and read from its screen, while the
test's connections observe the effects."""

import signal
import unittest

from harness import ECHOGWCTL, EndToEnd, wait_until
from terminal import Terminal
from wire import connect, ping


class TopCase(EndToEnd):
    def top(self, gateway, *arguments, **options):
        self.need_tool("tmux")
        terminal = Terminal(ECHOGWCTL, "--target", gateway.admin, "top", "-i", "100ms",
                            *arguments, **options)
        self.addCleanup(terminal.end)
        terminal.wait_for("q quit", "CONNS", "serving")
        return terminal

    def crowd(self, gateway, count):
        """Connections that have echoed once, so that they are accepted."""
        clients = [connect(gateway.address) for _ in range(count)]
        for client in clients:
            self.addCleanup(client.close)
            self.assertEqual(ping(client), b"ping")
        return clients

    def rows(self, screen):
        """The state and the connections of each visible reactor."""
        rows = {}
        for line in screen.splitlines()[6:22]:
            words = line.split()
            if len(words) > 3 and words[0].isdigit():
                numbers = [word for word in words[3:] if word.isdigit()]
                rows[int(words[0])] = (words[2], int(numbers[0]))
        return rows

    def wait_for_rows(self, terminal, condition, what):
        return wait_until(lambda: condition(self.rows(terminal.screen())), what)


class Top(TopCase):
    def test_shows_traffic_of_each_reactor(self):
        gateway = self.gateway(reactors=3)
        clients = self.crowd(gateway, 12)
        terminal = self.top(gateway)
        self.wait_for_rows(terminal, lambda r: sum(n for _, n in r.values()) == 12 and len(r) == 3,
                           "12 connections on 3 reactors")
        # A rate needs traffic during its interval.
        def traffic():
            for client in clients:
                ping(client)
            line = terminal.screen().splitlines()[2]
            return line.split()[0] == "Messages/s" and line.split()[1] not in ("0", "-")

        wait_until(traffic, "messages for each second")
        terminal.keys("q")
        terminal.wait_for("exit 0")

    def test_resizes_and_loses_nobody(self):
        gateway = self.gateway(reactors=2)
        clients = self.crowd(gateway, 8)
        terminal = self.top(gateway)
        terminal.keys("R", "5", "Enter")
        terminal.wait_for("Resize from 2 to 5 reactors? y/n")
        terminal.keys("y")
        terminal.wait_for("resize 2 -> 5 succeeded")
        self.wait_for_rows(terminal, lambda r: len(r) == 5, "5 reactors")
        terminal.keys("-", "-", "-", "-", "y")
        terminal.wait_for("resize 5 -> 1 succeeded")
        self.wait_for_rows(
            terminal, lambda r: [s for s, _ in r.values()] == ["serving"] + ["parked"] * 4
            and r[0][1] == 8, "everybody on reactor 0")
        for client in clients:
            self.assertEqual(ping(client), b"ping")

    def test_drains_a_reactor_and_takes_it_back(self):
        gateway = self.gateway(reactors=2)
        clients = self.crowd(gateway, 10)
        terminal = self.top(gateway)
        terminal.keys("Down", "d")
        terminal.wait_for("Drain reactor 1?")
        terminal.keys("y")
        terminal.wait_for("drain of reactor 1 succeeded")
        self.wait_for_rows(terminal, lambda r: r[1] == ("drained", 0) and r[0][1] == 10,
                           "reactor 1 drained")
        terminal.keys("u")
        terminal.wait_for("reactor 1 is back")
        self.wait_for_rows(terminal, lambda r: r[1][0] == "serving", "reactor 1 serving")
        terminal.keys("b")
        terminal.wait_for("rebalance succeeded")
        for client in clients:
            self.assertEqual(ping(client), b"ping")

    def test_closes_one_connection(self):
        gateway = self.gateway(reactors=1)
        clients = self.crowd(gateway, 3)
        # The connection with most bytes comes first.
        self.assertEqual(ping(clients[1], b"x" * 9000), b"x" * 9000)
        peer = "127.0.0.1:%d" % clients[1].getsockname()[1]
        terminal = self.top(gateway)
        terminal.keys("Enter")
        terminal.wait_for("Connections of reactor 0, most bytes first: 3", peer)
        terminal.keys("Enter")
        terminal.wait_for("ESTABLISHED", peer)
        terminal.keys("x")
        terminal.wait_for(f"of {peer} with FIN? y/n")
        terminal.keys("y")
        self.assertEqual(clients[1].recv(1), b"")
        clients[1].close()
        terminal.keys("Escape")
        terminal.wait_for("most bytes first: 2")
        terminal.keys("X", "y")
        terminal.wait_for("was reset")
        wait_until(lambda: self.stats(gateway)["total"]["connections_active"] == 1, "one is left")

    def test_drains_the_gateway_by_its_word_and_shows_the_events(self):
        gateway = self.gateway(reactors=2)
        clients = self.crowd(gateway, 4)
        terminal = self.top(gateway)
        terminal.keys("D", "drain", "Enter")
        # A graceful close waits for the client's FIN.
        for client in clients:
            self.assertEqual(client.recv(1), b"")
            client.close()
        terminal.wait_for("drain of the gateway succeeded", "  drained  ")
        terminal.keys("u")
        terminal.wait_for("undrained; the gateway is serving")
        terminal.keys("e")
        terminal.wait_for("Events, newest first", "drain")


class Lost(TopCase):
    def test_comes_back_with_the_gateway(self):
        gateway = self.gateway()
        admin = gateway.admin
        terminal = self.top(gateway)
        gateway.drained()
        terminal.wait_for("LOST, data", "retrying", "CONNS")
        again = self.gateway(admin=admin, reactors=3)
        self.wait_for_rows(terminal, lambda r: len(r) == 3, "the new gateway")
        wait_until(lambda: "LOST" not in terminal.screen(), "no loss any more")
        # A stopped gateway also counts as lost.
        terminal.keys("q")
        terminal.wait_for("exit 0")
        terminal = Terminal(ECHOGWCTL, "--target", again.admin, "--timeout", "500ms", "top", "-i",
                            "100ms")
        self.addCleanup(terminal.end)
        terminal.wait_for("CONNS")
        again.signal(signal.SIGSTOP)
        try:
            terminal.wait_for("LOST", "has been silent for 600ms")
        finally:
            again.signal(signal.SIGCONT)
        wait_until(lambda: "LOST" not in terminal.screen(), "no loss any more")


if __name__ == "__main__":
    unittest.main()
