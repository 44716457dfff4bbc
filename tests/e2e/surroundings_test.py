"""Goal: logs, the admin socket, the exporter and the listen addresses behave as documented.
Method: the real binary; files in a temporary directory, sockets on loopback."""

import json
import os
import re
import signal
import socket
import stat
import unittest

from harness import ECHOGW, ECHOGWCTL, EndToEnd, run, split_address, wait_until
from wire import connect, echo_once, pattern


class FolderCase(EndToEnd):
    def setUp(self):
        self.folder = self.temporary_folder()

    def path(self, name):
        return os.path.join(self.folder, name)


class Logs(FolderCase):
    LINE = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d "
                      r"(trace|debug|info|warning|error|critical) \S.*$")

    def test_console_alone_is_at_info(self):
        gateway = self.gateway()
        echo_once(gateway.address, b"x")
        gateway.drained()
        text = gateway.err.text()
        self.assertIn(" info ", text)
        self.assertNotIn(" debug ", text)
        for line in text.splitlines():
            self.assertRegex(line, self.LINE)
        self.assertNotIn("\x1b", text)

    def test_file_has_everything_and_the_console_errors_only(self):
        path = self.path("echogw.log")
        gateway = self.gateway("--log-file", path)
        echo_once(gateway.address, b"x")
        gateway.drained()
        self.assertEqual(gateway.err.text(), "")
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
        for line in lines:
            self.assertRegex(line, self.LINE)
        text = "\n".join(lines)
        self.assertRegex(text, r" debug .*accepts 127\.0\.0\.1:\d+")
        self.assertIn("gateway is drained", text)

    def test_levels_can_be_chosen(self):
        path = self.path("echogw.log")
        gateway = self.gateway("--log-file", path, "--log-file-level", "error",
                               "--log-level", "debug")
        echo_once(gateway.address, b"x")
        gateway.drained()
        self.assertIn(" debug ", gateway.err.text())
        self.assertEqual(os.path.getsize(path), 0)

    def test_file_rotates_by_size(self):
        path = self.path("echogw.log")
        gateway = self.gateway("--log-file", path, "--log-file-max-size", "4KiB",
                               "--log-file-count", "2")
        for i in range(200):
            echo_once(gateway.address, pattern(8, i))
        gateway.drained()
        self.assertEqual(sorted(os.listdir(self.folder)),
                         ["echogw.1.log", "echogw.2.log", "echogw.log"])
        for name in os.listdir(self.folder):
            self.assertLessEqual(os.path.getsize(self.path(name)), 4096 + 512)

    def test_file_that_cannot_be_written(self):
        result = run(ECHOGW, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--metrics",
                     "off", "--log-file", "/proc/nothing/echogw.log")
        self.assertEqual(result.code, 1, result)
        self.one_line(result.err, "log-file", "/proc/nothing")

    def test_changes_by_operators_are_logged(self):
        gateway = self.gateway()
        self.ctl(gateway, "resize", "3", "--wait")
        self.assertIsNotNone(gateway.err.wait_for(r"admin: Resize from \S+: operation 1"))
        self.assertIsNotNone(gateway.err.wait_for(r"grew from 2 to 3 reactors"))

    def test_json_with_every_call_and_who_made_it(self):
        path = self.path("echogw.log")
        gateway = self.gateway("--log-format", "json", "--log-level", "debug", "--log-file", path,
                               admin="unix:" + self.path("admin.sock"))
        self.ctl(gateway, "stats")
        self.ctl(gateway, "operation", "999999", expect=1)
        self.ctl(gateway, "resize", "3", "--wait")
        gateway.drained()
        with open(path, encoding="utf-8") as file:
            written = file.read()
        who = f"from uid {os.geteuid()} at unix:"
        for text in (gateway.err.text(), written):
            lines = [json.loads(line) for line in text.splitlines()]
            for line in lines:
                self.assertEqual(list(line), ["time", "level", "message"])
                self.assertRegex(" ".join(line.values()), self.LINE)
            said = "\n".join(f"{line['level']} {line['message']}" for line in lines)
            self.assertRegex(said, rf"(?m)^info admin: Resize {who}\S*: operation 1 began")
            for method, code in (("GetStats", "OK"), ("GetOperation", "NOT_FOUND"),
                                 ("Resize", "OK")):
                self.assertRegex(said, rf"(?m)^debug admin: call Admin/{method} {who}\S*: "
                                       rf"{code} in \d+\.\d+ ms$")


class AdminSocket(FolderCase):
    def start(self, name="admin.sock"):
        return self.gateway(admin="unix:" + self.path(name), metrics="off")

    def test_serves_and_cleans_up(self):
        gateway = self.start()
        self.assertEqual(gateway.admin, "unix:" + self.path("admin.sock"))
        self.assertTrue(stat.S_ISSOCK(os.stat(self.path("admin.sock")).st_mode))
        self.assertEqual(self.ctl(gateway, "health").out, "serving\n")
        gateway.drained()
        self.assertEqual(os.listdir(self.folder), [])

    def test_live_socket_is_not_stolen(self):
        gateway = self.start()
        result = run(ECHOGW, "--listen", "127.0.0.1:0", "--admin", gateway.admin,
                     "--metrics", "off")
        self.assertEqual(result.code, 1, result)
        self.one_line(result.err, gateway.admin, "another process")
        self.assertEqual(self.ctl_json(gateway, "info")["pid"], gateway.pid)

    def test_stale_socket_is_replaced(self):
        gateway = self.start()
        gateway.signal(signal.SIGKILL)
        gateway.wait()
        self.assertIn("admin.sock", os.listdir(self.folder))
        again = self.start()
        self.assertEqual(self.ctl_json(again, "info")["pid"], again.pid)

    def test_socket_of_a_stranger_is_not_stolen(self):
        stranger = socket.socket(socket.AF_UNIX)
        self.addCleanup(stranger.close)
        stranger.bind(self.path("admin.sock"))
        stranger.listen()
        result = run(ECHOGW, "--listen", "127.0.0.1:0", "--metrics", "off",
                     "--admin", "unix:" + self.path("admin.sock"))
        self.assertEqual(result.code, 1, result)
        self.one_line(result.err, "another process")

    def test_file_that_is_no_socket_is_kept(self):
        with open(self.path("admin.sock"), "w", encoding="utf-8") as file:
            file.write("precious")
        result = run(ECHOGW, "--listen", "127.0.0.1:0", "--metrics", "off",
                     "--admin", "unix:" + self.path("admin.sock"))
        self.assertEqual(result.code, 1, result)
        self.one_line(result.err, "not a socket")
        with open(self.path("admin.sock"), encoding="utf-8") as file:
            self.assertEqual(file.read(), "precious")

    def test_path_too_long_is_a_usage_error(self):
        result = run(ECHOGW, "--listen", "127.0.0.1:0", "--metrics", "off",
                     "--admin", "unix:/tmp/" + "x" * 120)
        self.assertEqual(result.code, 2, result)
        self.one_line(result.err, "107")

    def test_target_variable_takes_it(self):
        gateway = self.start()
        result = run(ECHOGWCTL, "health", env={"ECHOGW_TARGET": gateway.admin})
        self.assertEqual((result.code, result.out), (0, "serving\n"))


class Addresses(EndToEnd):
    def test_metrics_off(self):
        gateway = self.gateway(metrics="off")
        self.assertEqual(gateway.metrics, "")
        self.assertEqual(self.ctl_json(gateway, "info")["metrics_address"], "")

    def test_ipv6(self):
        gateway = self.gateway(listen=("[::1]:0",), admin="[::1]:0")
        self.assertTrue(gateway.target.startswith("[::1]:"), gateway.target)
        self.assertEqual(echo_once(gateway.address, pattern(5000)), pattern(5000))
        self.assertEqual(self.ctl(gateway, "health").out, "serving\n")
        with self.assertRaises(ConnectionRefusedError):
            connect(("127.0.0.1", gateway.address[1]))

    def test_dual_stack(self):
        gateway = self.gateway(listen=(":0",))
        port = gateway.address[1]
        for host in ("127.0.0.1", "::1"):
            self.assertEqual(echo_once((host, port), pattern(500)), pattern(500))
        wait_until(lambda: self.stats(gateway)["total"]["connections_accepted"] == 2, "both count")

    def test_localhost_is_both_families(self):
        gateway = self.gateway("--listen-udp", "localhost:0", listen=("localhost:0",),
                               admin="localhost:0", metrics="localhost:0", reactors=2)
        (_, port), (_, other) = (split_address(a) for a in gateway.listen)
        self.assertEqual(port, other)
        udp = int(gateway.out.wait_for(r"^udp on 127.0.0.1:(\d+)$")[1])
        admin = gateway.admin.rsplit(":", 1)[1]
        metrics = split_address(gateway.metrics)[1]
        for host, family in (("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)):
            self.assertEqual(echo_once((host, port), pattern(500)), pattern(500))
            with socket.socket(family, socket.SOCK_DGRAM) as client:
                client.settimeout(10)
                client.connect((host, udp))
                client.send(b"datagram")
                self.assertEqual(client.recv(100), b"datagram")
            target = f"[{host}]:{admin}" if family == socket.AF_INET6 else f"{host}:{admin}"
            self.assertEqual(run(ECHOGWCTL, "--target", target, "health").out, "serving\n")
            with connect((host, metrics)) as client:
                client.sendall(b"GET /-/healthy HTTP/1.0\r\n\r\n")
                self.assertRegex(client.recv(100), rb"^HTTP/1\.\d 200 ")

    def test_several_addresses(self):
        gateway = self.gateway(reactors=3, listen=("127.0.0.1:0", "127.0.0.2:0", "[::1]:0"))
        self.assertEqual(len({split_address(a) for a in gateway.listen}), 3)
        for i, address in enumerate(gateway.listen):
            payload = pattern(3000, i)
            self.assertEqual(echo_once(split_address(address), payload), payload)
        listeners = [l for r in self.ctl_json(gateway, "reactors")["reactors"]
                     for l in r["listeners"]]
        self.assertEqual(len(listeners), 9)
        self.assertEqual({l["address"] for l in listeners}, set(gateway.listen))
        self.assertEqual({l["accept_queue_limit"] > 0 for l in listeners}, {True})

    def test_wildcard_of_ipv4_only(self):
        gateway = self.gateway(listen=("0.0.0.0:0",))
        self.assertEqual(echo_once(("127.0.0.1", gateway.address[1]), b"four"), b"four")
        with self.assertRaises(ConnectionRefusedError):
            connect(("::1", gateway.address[1]))


if __name__ == "__main__":
    unittest.main()
