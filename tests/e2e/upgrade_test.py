"""Goal: the process of a gateway is replaced under live traffic, and no client notices.
Method: the real binaries; the test's connections in every state, and churn, while the gateway
hands over to another process once or many times."""

import os
import re
import shutil
import signal
import socket
import ssl
import unittest

from harness import ECHOGW, ECHOGWCTL, run, wait_until
from upgrade import Churn, UpgradeCase
from wire import Crowd, connect, echo_once, fill, outcome, pattern, ping, recv_exactly

MIB = 1 << 20


class State(UpgradeCase):
    def test_connections_in_every_state_move_with_what_is_held_for_them(self):
        folder = self.temporary_folder()
        path = os.path.join(folder, "echo.sock")
        gateway = self.gateway("--listen-udp", "127.0.0.1:0", listen=(
            "127.0.0.1:0", f"unix:{path}", "proxy@127.0.0.1:0", "banner@127.0.0.1:0",
            "chargen@127.0.0.1:0"))
        tcp, _, proxy, banner, chargen = gateway.listen
        port = {name: (text.rpartition("@")[2].rpartition(":")[0], int(text.rpartition(":")[2]))
                for name, text in (("proxy", proxy), ("banner", banner), ("chargen", chargen))}
        before_pid = gateway.pid

        crowd = Crowd(gateway.address, 60)
        self.addCleanup(crowd.close)
        self.assertEqual(crowd.echo(1), 60)

        # Its bytes wait in the kernel on both sides and in the gateway.
        slow = connect(gateway.address, rcvbuf=4096)
        self.addCleanup(slow.close)
        backlog = pattern(24 * MIB, 2)
        sent = fill(slow, backlog)
        # The same, and it has ended its side.
        half = connect(gateway.address, rcvbuf=4096)
        self.addCleanup(half.close)
        half_sent = fill(half, backlog)
        half.shutdown(socket.SHUT_WR)
        # A part of a PROXY header.
        drip = connect(port["proxy"])
        self.addCleanup(drip.close)
        header = b"PROXY TCP4 192.0.2.7 192.0.2.8 1111 2222\r\n"
        drip.sendall(header[:20])
        # A client whose name a proxy has told.
        named = connect(port["proxy"])
        self.addCleanup(named.close)
        named.sendall(header)
        self.assertEqual(ping(named, b"named"), b"named")
        # Output that is made, at some offset of its period.
        lines = connect(port["chargen"])
        self.addCleanup(lines.close)
        first = recv_exactly(lines, 10_000)
        greeted = connect(port["banner"])
        self.addCleanup(greeted.close)
        greeting = greeted.recv(4096)
        self.assertTrue(greeting)
        local = socket.socket(socket.AF_UNIX)
        self.addCleanup(local.close)
        local.settimeout(20)
        local.connect(path)
        self.assertEqual(ping(local, b"local"), b"local")

        counted = self.counters(gateway)
        operation = self.upgrade(gateway)
        self.assertNotEqual(gateway.pid, before_pid)
        self.assertEqual(operation["connections_moved"], 60 + 7)
        self.assertEqual(operation["connections_left"], 0)
        self.no_counter_fell(counted, self.counters(gateway))

        self.assertEqual(crowd.echo(3), 60)
        self.assertEqual(recv_exactly(slow, sent), backlog[:sent])
        self.assertEqual(ping(slow, b"again"), b"again")
        self.assertEqual(recv_exactly(half, half_sent), backlog[:half_sent])
        self.assertEqual(outcome(half), "fin")
        drip.sendall(header[20:] + b"late")
        self.assertEqual(recv_exactly(drip, 4), b"late")
        peers = [c["peer"] for c in self.ctl_json(gateway, "conns", "--all")["connections"]]
        self.assertEqual(peers.count("192.0.2.7:1111"), 2)
        self.assertEqual(ping(named, b"still"), b"still")
        more = recv_exactly(lines, 200_000)
        whole = first + more
        period = 95 * 74
        self.assertEqual(whole[period:2 * period], whole[:period])
        self.assertEqual(whole[-period:], whole[-2 * period:-period])
        self.assertEqual(ping(greeted, b"greeted"), b"greeted")
        self.assertEqual(ping(local, b"locals"), b"locals")
        with socket.socket(socket.AF_UNIX) as another:
            another.settimeout(20)
            another.connect(path)
            self.assertEqual(ping(another), b"ping")
        self.accounts_balance(gateway)
        gateway.drained()
        self.assertEqual(os.listdir(folder), [], "the last process removes the files")

    def test_datagrams(self):
        # More UDP addresses than others: an index of one is none of the other.
        gateway = self.gateway("--listen-udp", "127.0.0.1:0", "--listen-udp", "127.0.0.1:0",
                               "--listen-udp", "127.0.0.1:0", reactors=3)
        udp = self.ctl_json(gateway, "info")["udp_addresses"][0].rpartition(":")
        flows = []
        for i in range(20):
            flow = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.addCleanup(flow.close)
            flow.settimeout(20)
            flow.connect((udp[0], int(udp[2])))
            flows.append(flow)
        for round_ in range(3):
            for i, flow in enumerate(flows):
                flow.send(b"%d of %d" % (round_, i))
            for i, flow in enumerate(flows):
                self.assertEqual(flow.recv(100), b"%d of %d" % (round_, i))
            self.upgrade(gateway)
        wait_until(lambda: self.stats(gateway)["total"]["udp"]["sent_datagrams"] == 60,
                   "every datagram is counted")

    def test_what_operators_have_set_stays(self):
        gateway = self.gateway("--log-level", "warn", reactors=3)
        with Crowd(gateway.address, 30) as crowd:
            self.ctl(gateway, "limits", "set", "--max-connections", "1000", "--idle-timeout", "1h")
            self.ctl(gateway, "steer", "0=5", "1=0")
            self.ctl(gateway, "log-level", "info")
            self.ctl(gateway, "resize", "5", "--wait")
            self.ctl(gateway, "drain", "--reactor", "4", "--wait")
            self.ctl(gateway, "resize", "4", "--wait")
            self.ctl(gateway, "drain", "--reactor", "2", "--wait")
            self.ctl(gateway, "rebalance", "--auto", "on")
            limits = self.ctl_json(gateway, "limits")
            reactors = self.ctl_json(gateway, "reactors")["reactors"]
            events = self.ctl_json(gateway, "events")["events"]
            started = self.ctl_json(gateway, "info")["start_time"]
            ids = {c["id"] for c in self.ctl_json(gateway, "conns", "--all")["connections"]}
            operation = self.upgrade(gateway)

            self.assertEqual(self.ctl_json(gateway, "limits"), limits)
            now = self.ctl_json(gateway, "reactors")["reactors"]
            for field in ("id", "state", "steering_weight"):
                self.assertEqual([r[field] for r in now], [r[field] for r in reactors], field)
            self.assertEqual([(x["slot"], x["owner"]) for r in now for x in r["listeners"]],
                             [(x["slot"], x["owner"]) for r in reactors for x in r["listeners"]])
            kept = self.ctl_json(gateway, "events")["events"]
            self.assertEqual(kept[:len(events)], events)
            self.assertEqual([e["id"] for e in kept], sorted({e["id"] for e in kept}))
            ended = [e for e in kept if e["kind"] == "upgrade"][-1]
            self.assertIn("127.0.0.1", ended["actor"], "the operator who asked for it")
            self.assertEqual(self.ctl_json(gateway, "info")["start_time"], started)
            self.assertEqual(self.ctl_json(gateway, "log-level")["console_level"], "info")
            self.assertTrue(self.ctl_json(gateway, "rebalance", "--dry-run")["operation"])
            stats = self.stats(gateway)
            self.assertEqual(stats["upgrades"], 1)
            self.assertEqual(stats["connections_of_predecessor"], 0)

            self.assertEqual(crowd.echo(), 30)
            with Crowd(gateway.address, 30):
                wait_until(lambda: self.stats(gateway)["total"]["connections_active"] == 60, "all")
                after = {c["id"] for c in self.ctl_json(gateway, "conns", "--all")["connections"]}
                self.assertLess(ids, after)
                self.assertEqual(len(after), 60, "no id is given twice")
            self.ctl(gateway, "undrain", "--reactor", "2")
            self.ctl(gateway, "resize", "5", "--wait")
            with Crowd(gateway.address, 60):
                wait_until(lambda: self.stats(gateway)["total"]["connections_active"] == 90, "all")
                every = [c["id"] for c in
                         self.ctl_json(gateway, "conns", "--all")["connections"]]
                self.assertEqual(len(set(every)), 90, "reactors that were away do not repeat ids")
            grown = self.ctl_json(gateway, "resize", "6", "--wait")["operation"]
            self.assertGreater(grown["id"], operation["id"])
            self.assertEqual(grown["result"], "OPERATION_RESULT_SUCCEEDED")
            self.assertEqual(crowd.echo(5), 30)
        self.accounts_balance(gateway)

    def test_watchers_go_on(self):
        gateway = self.gateway()
        stats = self.process(ECHOGWCTL, "--target", gateway.admin, "stats", "--watch", "50ms",
                             "-o", "json")
        events = self.process(ECHOGWCTL, "--target", gateway.admin, "events", "--watch", "-o",
                              "json")
        self.assertIsNotNone(stats.out.wait_for('"upgrades": ?0'), stats.err.text())
        self.assertIsNotNone(events.out.wait_for("the gateway is serving"), events.err.text())
        # It has its stream once it shows an event that is new.
        self.ctl(gateway, "resize", "3", "--wait")
        self.assertIsNotNone(events.out.wait_for("grew from 2 to 3"), events.err.text())
        for number in (1, 2):
            self.upgrade(gateway)
            stats.out.wait_for(f'"upgrades": ?{number}')
            self.assertIsNotNone(events.out.wait_for(f"process {gateway.pid} "))
        ids = [int(i) for i in re.findall(r'"id": ?(\d+)', events.out.text())]
        self.assertEqual(ids, sorted(set(ids)), "no event twice")
        for process in (stats, events):
            self.assertTrue(process.running(), process.err.text())
            process.signal(signal.SIGINT)
            self.assertEqual(process.wait(), 0, process.err.text())

    def test_scrapes_and_health_tell_one_story(self):
        gateway = self.gateway()
        with Crowd(gateway.address, 10) as crowd:
            crowd.echo()
            for number in (1, 2):
                self.upgrade(gateway)
                text = run("curl", "-sf", f"http://{gateway.metrics}/metrics").out
                self.assertIn(f"\nechogw_upgrades_total {number}\n", text)
                self.assertIn("\nechogw_predecessor_connections 0\n", text)
                self.assertEqual(self.ctl(gateway, "health").code, 0)
                self.assertEqual(run("curl", "-sf", f"http://{gateway.metrics}/-/ready").code, 0)
        total = self.stats(gateway)["total"]
        self.assertEqual(total["connections_accepted"], 10)


class Traffic(UpgradeCase):
    def test_churn_over_many_upgrades_resizes_moves_and_drains(self):
        gateway = self.gateway(reactors=4)
        with Crowd(gateway.address, 40) as crowd, Churn(gateway.address) as churn:
            for step in range(12):
                self.upgrade(gateway, *(("--in-place", ) if step % 4 == 3 else ()))
                self.ctl(gateway, "resize", str((2, 5, 3, 4)[step % 4]), "--wait")
                if step % 3 == 0:
                    self.ctl(gateway, "move", "--from", "0", "--to", "1", "--wait")
                if step % 3 == 1:
                    self.ctl(gateway, "drain", "--reactor", "1", "--wait")
                    self.ctl(gateway, "undrain", "--reactor", "1")
                self.assertEqual(crowd.echo(step), 40)
        self.assertEqual(churn.errors, [])
        self.assertGreater(churn.rounds, 12)
        self.accounts_balance(gateway)
        wait_until(lambda: self.stats(gateway)["total"]["connections_active"] == 0, "all ended")

    def test_pollers_follow_each_other(self):
        folder = self.temporary_folder()
        config = os.path.join(folder, "echogw.toml")

        def write(poller):
            with open(config, "w", encoding="utf-8") as file:
                file.write(f'poller = "{poller}"\n')

        write("epoll")
        gateway = self.gateway("--config", config)
        engine = run(ECHOGW, "--poller", "io_uring", "--print-config").code == 0
        if "io_uring is available" not in gateway.err.text():
            engine = False
        slow = connect(gateway.address, rcvbuf=4096)
        self.addCleanup(slow.close)
        backlog = pattern(24 * MIB, 3)
        sent = fill(slow, backlog)
        with Crowd(gateway.address, 30) as crowd, Churn(gateway.address, 2) as churn:
            for poller in ("poll", "io_uring" if engine else "poll", "select", "epoll",
                           "io_uring" if engine else "epoll", "io_uring" if engine else "epoll"):
                write(poller)
                self.upgrade(gateway, verb="reload")
                self.assertEqual(self.ctl_json(gateway, "info")["poller"], poller)
                self.assertEqual(crowd.echo(), 30)
                self.assertEqual(recv_exactly(slow, 100_000), backlog[:100_000])
                backlog = backlog[100_000:]
                sent -= 100_000
        self.assertEqual(churn.errors, [])
        self.assertEqual(recv_exactly(slow, sent), backlog[:sent])
        slow.close()
        self.accounts_balance(gateway)


class WhatCannotMove(UpgradeCase):
    """TLS sessions stay with the process that made them."""

    def tls_gateway(self, *flags):
        folder = self.temporary_folder()
        cert, key = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
        made = run(self.need_tool("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes",
                   "-keyout", key, "-out", cert, "-days", "1", "-subj", "/CN=localhost")
        self.assertEqual(made.code, 0, made)
        return self.gateway("--tls-cert", cert, "--tls-key", key, *flags,
                            listen=("127.0.0.1:0", "tls@127.0.0.1:0"))

    def tls_client(self, gateway):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        port = int(gateway.listen[1].rpartition(":")[2])
        client = context.wrap_socket(connect(("127.0.0.1", port)))
        self.addCleanup(client.close)
        self.assertEqual(ping(client, b"hello"), b"hello")
        return client

    def test_they_stay_counted_and_served_until_they_end(self):
        gateway = self.tls_gateway()
        clients = [self.tls_client(gateway) for _ in range(3)]
        with Crowd(gateway.address, 10) as crowd:
            operation = self.upgrade(gateway, lingers=True)
            self.assertEqual(operation["connections_moved"], 10)
            self.assertTrue(gateway.running(), "the old process serves them")
            wait_until(lambda: self.stats(gateway)["connections_of_predecessor"] == 3, "three")
            self.assertEqual(self.stats(gateway)["total"]["connections_active"], 13)
            for client in clients:
                self.assertEqual(ping(client, b"still here"), b"still here")
            wait_until(lambda: self.stats(gateway)["total"]["received_bytes"] == 3 * 15,
                       "what the old process counts is in the totals")
            self.assertEqual(crowd.echo(), 10)
            new = self.tls_client(gateway)
            for client in clients:
                client.unwrap().close()
            gateway.follow(self.pid_of(gateway))
            stats = wait_until(lambda: (s := self.stats(gateway))
                               and s["connections_of_predecessor"] == 0 and s, "none")
            self.assertEqual(stats["total"]["connections_active"], 11)
            self.assertEqual(ping(new, b"new"), b"new")
        new.close()
        self.accounts_balance(gateway)

    def test_after_their_time_they_are_closed(self):
        gateway = self.tls_gateway()
        client = self.tls_client(gateway)
        self.upgrade(gateway, "--linger", "100ms", lingers=True)
        self.assertEqual(client.recv(10), b"", "close_notify")
        client.close()
        gateway.follow(self.pid_of(gateway))
        self.accounts_balance(gateway)

    def test_in_place_they_are_closed_and_the_rest_moves(self):
        gateway = self.tls_gateway()
        client = self.tls_client(gateway)
        with Crowd(gateway.address, 10) as crowd:
            operation = self.upgrade(gateway, "--in-place")
            self.assertEqual(operation["connections_moved"], 10)
            self.assertEqual(client.recv(10), b"", "close_notify")
            self.assertEqual(crowd.echo(), 10)
            self.assertEqual(ping(self.tls_client(gateway), b"new"), b"new")
        self.accounts_balance(gateway)


class Binary(UpgradeCase):
    def test_another_binary_at_another_path_or_the_same(self):
        folder = self.temporary_folder()
        path = os.path.join(folder, "echogw-next")
        shutil.copy(ECHOGW, path)
        gateway = self.gateway()
        with Crowd(gateway.address, 5) as crowd:
            self.upgrade(gateway, "--binary", path)
            self.assertEqual(os.readlink(f"/proc/{gateway.pid}/exe"), path)
            # A package replaces the file: the next upgrade takes what is there by then.
            os.rename(path, path + ".old")
            shutil.copy(ECHOGW, path)
            self.upgrade(gateway)
            self.assertEqual(os.readlink(f"/proc/{gateway.pid}/exe"), path)
            # A reload takes the binary that runs, even if it is gone.
            os.remove(path)
            self.upgrade(gateway, verb="reload")
            self.assertEqual(os.readlink(f"/proc/{gateway.pid}/exe"), path + " (deleted)")
            gone = self.ctl(gateway, "upgrade", "--wait", expect=1)
            self.assertIn(f"cannot run {path}", gone.out)
            self.assertEqual(crowd.echo(), 5)

    def test_requests_that_cannot_work(self):
        gateway = self.gateway()
        self.one_line(self.ctl(gateway, "upgrade", "--binary", "echogw", expect=1).err,
                      "binary", "'echogw' is not an absolute path")
        for binary, why in (("/nonexistent", "No such file"), ("/etc/passwd", "Permission denied"),
                            ("/bin/true", "ended before it was ready")):
            failed = self.ctl(gateway, "upgrade", "--binary", binary, "--wait", expect=1)
            self.assertIn(why, failed.out)
        loose = os.path.join(self.temporary_folder(), "loose")
        shutil.copy(ECHOGW, loose)
        os.chmod(loose, 0o777)
        failed = self.ctl(gateway, "upgrade", "--binary", loose, "--wait", expect=1)
        self.assertIn("nobody else may write to it", failed.out)
        self.assertEqual(echo_once(gateway.address, b"served"), b"served")
        self.drain_into_quiet(gateway)
        self.one_line(self.ctl(gateway, "upgrade", expect=1).err, "another operation is under way")


if __name__ == "__main__":
    unittest.main()
