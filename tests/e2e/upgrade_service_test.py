"""Goal: under a service manager an upgrade keeps the service: its main process changes, its sockets
stay.
Method: the real binary with the variables that systemd sets, as in service_test.py."""

import socket
import unittest

from harness import wait_until
from service_test import ActivationCase, NotifyCase
from upgrade import UpgradeCase
from wire import Crowd, connect, echo_once, ping


class MainProcess(NotifyCase, UpgradeCase):
    def test_the_manager_is_told_who_serves(self):
        manager = self.manager()
        manager.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        gateway = self.gateway(env=manager.env)
        manager.wait_for("READY=1")
        old = gateway.pid
        with Crowd(gateway.address, 10) as crowd:
            self.upgrade(gateway)
            lines = manager.wait_for("MAINPID=")
            self.assertEqual(lines, [f"MAINPID={gateway.pid}"])
            self.assertNotEqual(gateway.pid, old)
            self.assertEqual(crowd.echo(), 10)
        gateway.drained()
        self.assertFalse(any(line.startswith("STOPPING") for message in manager.messages
                             for line in message), "the first process does not stop the service")
        manager.wait_for("STOPPING=1")

    def test_the_watchdog_hears_the_new_process(self):
        manager = self.manager()
        gateway = self.gateway(env={**manager.env, "WATCHDOG_USEC": "200000"})
        manager.wait_for("WATCHDOG=1")
        self.upgrade(gateway)
        manager.wait_for("MAINPID=")
        for _ in range(3):
            manager.wait_for("WATCHDOG=1")


class PassedSockets(ActivationCase, UpgradeCase):
    def test_they_pass_on(self):
        sockets = self.group(4)
        gateway = self.activated(sockets, reactors=2)
        with Crowd(gateway.address, 20) as crowd:
            for flags in ((), ("--in-place", ), ()):
                self.upgrade(gateway, *flags)
                self.assertEqual(crowd.echo(), 20)
                for i in range(20):
                    self.assertEqual(echo_once(gateway.address, b"%d" % i), b"%d" % i)
            self.ctl(gateway, "resize", "4", "--wait")
            self.assertEqual(crowd.echo(2), 20)
        self.accounts_balance(gateway)
        gateway.drained()
        # The manager still has them: the next gateway serves whoever waits.
        with connect(sockets[0].getsockname()) as client:
            client.sendall(b"between")
            second = self.activated(sockets, reactors=4)
            self.assertEqual(client.recv(7), b"between")
            wait_until(lambda: ping(client) == b"ping", "served")
        second.drained()


if __name__ == "__main__":
    unittest.main()
