"""Goal: an operator can run the gateway from `echogwctl top` alone.
Method: the real binaries; top in tmux, controlled by keys and read from its screen, while the
test's connections observe the effects."""

import os
import signal
import unittest

from harness import ECHOGWCTL, EndToEnd, wait_until
from terminal import Terminal
from wire import connect, ping


class TopCase(EndToEnd):
    def top(self, gateway, *arguments, **options):
        self.need_tool("tmux")
        terminal = self.run_top(gateway.admin, *arguments, **options)
        terminal.wait_for("q quit", "CONNS", "serving")
        return terminal

    def run_top(self, target, *arguments, **options):
        terminal = Terminal(ECHOGWCTL, "--target", target, "top", "-i", "100ms", *arguments,
                            **options)
        self.addCleanup(terminal.end)
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
        terminal.wait_for("reactor 1 undrained")
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
        terminal.wait_for_no("LOST")
        # A stopped gateway also counts as lost.
        terminal.keys("q")
        terminal.wait_for("exit 0")
        terminal = Terminal(ECHOGWCTL, "--target", again.admin, "--timeout", "500ms", "top", "-i",
                            "100ms")
        self.addCleanup(terminal.end)
        terminal.wait_for("CONNS")
        again.signal(signal.SIGSTOP)
        try:
            terminal.wait_for("LOST", "sent nothing for 600ms")
        finally:
            again.signal(signal.SIGCONT)
        terminal.wait_for_no("LOST")


    def test_waits_for_a_gateway_and_quits_without_one(self):
        gateway = self.gateway()
        gateway.drained()
        self.need_tool("tmux")
        terminal = self.run_top(gateway.admin)
        terminal.wait_for("LOST, no data yet", "connection refused")
        again = self.gateway(admin=gateway.admin)
        terminal.wait_for("CONNS", "serving")
        again.drained()
        terminal.wait_for("LOST")
        terminal.keys("q")
        terminal.wait_for_end()


class Guest(TopCase):
    """top draws on its own screen and leaves the terminal as it found it, however it ends."""

    def setUp(self):
        self.server = self.gateway(reactors=2)

    def test_draws_and_quits(self):
        for key in ("q", "C-c"):
            terminal = self.top(self.server)
            # The first rates, as a bar and a percentage.
            screen = terminal.wait_for("%", "h help  q quit")
            self.assertTrue(screen.startswith(f" echogw {self.server.admin}  serving  0.1.0"))
            terminal.keys("Down", "Enter")
            terminal.wait_for("Connections of reactor 1")
            terminal.keys("Escape")
            terminal.wait_for("CONNS")
            terminal.keys(key)
            self.assertNotIn("CONNS", terminal.wait_for_end())

    def test_signals(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            terminal = self.top(self.server)
            os.kill(terminal.pid(), number)
            self.assertNotIn("CONNS", terminal.wait_for_end())

    def test_follows_the_size_of_the_terminal(self):
        terminal = self.top(self.server)
        terminal.resize(132, 40)
        # Only a wide terminal has room for this hint; the keys are in the last row of a high one.
        rows = terminal.wait_for("D drain all", "q quit").splitlines()
        self.assertEqual(len(rows), 40)
        self.assertIn("q quit", rows[39])
        terminal.resize(60, 20)
        terminal.wait_for("top needs 80x24", "this is 60x20")
        terminal.resize(80, 24)
        terminal.wait_for("CONNS")
        terminal.resize(20, 5)
        terminal.wait_for("top needs 80x24")
        terminal.keys("q")
        terminal.wait_for_end()

    def test_stops_and_continues(self):
        self.need_tool("tmux")
        terminal = Terminal("bash", "--norc", "--noprofile", "-i", env={"PS1": "shell>"})
        self.addCleanup(terminal.end)
        terminal.wait_for("shell>")
        terminal.keys(f"{ECHOGWCTL} --target {self.server.admin} top -i 100ms", "Enter")
        terminal.wait_for("CONNS", "q quit")
        terminal.keys("C-z")
        terminal.wait_for("Stopped")
        terminal.keys("echo typed $((6 * 7))", "Enter")
        terminal.wait_for("typed 42")
        terminal.keys("fg", "Enter")
        terminal.wait_for("h help  q quit", "CONNS")
        terminal.keys("q")
        terminal.wait_for_no("CONNS")
        terminal.keys("echo back $((6 * 8))", "Enter")
        terminal.wait_for("back 48")

    def test_ascii_without_utf8(self):
        terminal = self.top(self.server, env={"LC_ALL": "C"})
        self.assertTrue(terminal.wait_for("%", "q quit").isascii())

    def test_colours(self):
        # Green, of the state.
        self.assertIn("\x1b[32m", self.drawn())
        for env in ({"NO_COLOR": "1"}, {"TERM": "vt100"}):
            drawn = self.drawn(env)
            # 39 is the default colour.
            self.assertNotRegex(drawn, "\x1b\\[3[0-7]")
            self.assertIn("\x1b[7m", drawn)

    def drawn(self, env=None):
        terminal = self.top(self.server, env=env)
        terminal.wait_for("%", "q quit")
        return terminal.screen(escapes=True)

    def test_refuses_a_terminal_that_cannot_be_drawn_on(self):
        self.need_tool("tmux")
        for term in ("dumb", "no-such-terminal", ""):
            # ncurses leaks what it made for a terminal that it does not know.
            env = {"TERM": term, "LSAN_OPTIONS": "detect_leaks=0"}
            terminal = self.run_top(self.server.admin, width=140, env=env)
            terminal.wait_for("cannot draw on a terminal", "echogwctl top --once")
            terminal.wait_for_end(2)


if __name__ == "__main__":
    unittest.main()
