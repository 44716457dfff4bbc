"""Goal: a changed configuration is put in force under live traffic, and no client notices.
Method: the real binaries; the file of the gateway changes and `echogwctl reload` puts it in force."""

import os
import socket
import unittest

from harness import wait_until
from upgrade import UpgradeCase
from wire import Crowd, connect


class Reload(UpgradeCase):
    def config(self, **settings):
        with open(self.path, "w", encoding="utf-8") as file:
            for key, value in settings.items():
                file.write(f'{key.replace("_", "-")} = {value}\n')

    def setUp(self):
        super().setUp()
        self.path = os.path.join(self.temporary_folder(), "echogw.toml")

    def test_changes_are_shown_before_and_then_in_force(self):
        self.config(idle_timeout='"1h"', max_connections=500)
        gateway = self.gateway("--config", self.path)
        self.ctl(gateway, "limits", "set", "--max-connections", "600")
        with Crowd(gateway.address, 20) as crowd:
            self.config(idle_timeout='"2h"', max_connections=500, reactors=3)
            # The flag of the command line has precedence over the file.
            shown = self.ctl(gateway, "reload", "--dry-run")
            self.assertRegex(shown.out, r"idle-timeout +1h +2h")
            self.assertNotIn("max-connections", shown.out)
            self.assertIn("dry run, nothing was changed", shown.out)
            self.assertEqual(self.pid_of(gateway), gateway.pid)
            operation = self.upgrade(gateway, verb="reload")
            self.assertEqual(operation["changes"],
                             [{"key": "idle-timeout", "before": ["1h"], "after": ["2h"]}])
            limits = self.ctl_json(gateway, "limits")["limits"]
            self.assertEqual(limits["idle_timeout"], "7200s")
            self.assertEqual(limits["max_connections"], 600, "set by an operator, and unchanged")
            self.assertEqual(crowd.echo(), 20)

    def test_an_address_comes_and_another_one_goes(self):
        self.config(listen='["127.0.0.1:0"]')
        gateway = self.gateway("--config", self.path, listen=())
        with Crowd(gateway.address, 10) as crowd:
            self.config(listen='["127.0.0.1:0", "discard@[::1]:0"]')
            self.upgrade(gateway, verb="reload")
            first, second = self.ctl_json(gateway, "info")["listen_addresses"]
            self.assertEqual(first, gateway.target, "the port that the kernel chose stays")
            added = ("::1", int(second.rpartition(":")[2]))
            with connect(added) as client:
                client.sendall(b"nothing comes back")
                client.shutdown(socket.SHUT_WR)
                self.assertEqual(client.recv(1), b"")
            self.config(listen='["discard@[::1]:0"]')
            shown = self.ctl(gateway, "reload", "--dry-run")
            self.assertIn("it does not serve 127.0.0.1:0", shown.out)
            self.upgrade(gateway, verb="reload")
            self.assertEqual(self.ctl_json(gateway, "info")["listen_addresses"], [second])
            self.assertEqual(crowd.echo(), 10, "open connections are served on")
            with self.assertRaises(ConnectionRefusedError):
                connect(gateway.address)
        self.accounts_balance(gateway)

    def test_a_wrong_configuration_changes_nothing(self):
        self.config(idle_timeout='"1h"')
        gateway = self.gateway("--config", self.path)
        with Crowd(gateway.address, 5) as crowd:
            self.config(idle_timeout='"often"')
            for flags in (("--dry-run", ), ("--wait", ), ("--in-place", "--wait")):
                failed = self.ctl(gateway, "reload", *flags, expect=1)
                self.assertIn("idle-timeout", failed.out)
                self.assertIn("this process serves on", failed.out)
            os.remove(self.path)
            failed = self.ctl(gateway, "reload", "--wait", expect=1)
            self.assertIn(self.path, failed.out)
            self.assertEqual(crowd.echo(), 5)
            self.assertEqual(self.pid_of(gateway), gateway.pid)
            self.assertEqual(self.ctl_json(gateway, "limits")["limits"]["idle_timeout"], "3600s")

    def test_reactors_follow_the_configuration_only_if_it_changes(self):
        self.config(reactors=2)
        gateway = self.gateway("--config", self.path, reactors=None)
        self.ctl(gateway, "resize", "4", "--wait")
        self.upgrade(gateway, verb="reload")
        self.assertEqual(self.serving(gateway), 4)
        self.config(reactors=3)
        self.upgrade(gateway, verb="reload")
        wait_until(lambda: self.serving(gateway) == 3, "three reactors")

    def serving(self, gateway):
        return sum(r["state"] == "REACTOR_STATE_SERVING"
                   for r in self.ctl_json(gateway, "reactors")["reactors"])


if __name__ == "__main__":
    unittest.main()
