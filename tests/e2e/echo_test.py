"""Goal: every byte is echoed in order, whatever the client does, and a faulty client does not
affect others. Method: real clients on loopback against the real binary, with each poller."""

import contextlib
import os
import socket
import sys
import threading
import time
import unittest

from exporter import get
from harness import (ECHOGW, ECHOGWCTL, TIMEOUT, SANITIZER, EndToEnd, run, split_address,
                     wait_until)
from wire import (Crowd, connect, echo_once, exchange, fill, outcome, pattern, ping, recv_exactly,
                  reset)

MIB = 1 << 20


class EchoCases:
    """Cases for every poller; subclasses select it."""

    POLLER = ""

    def setUp(self):
        self.server = self.gateway("--poller", self.POLLER, reactors=2)
        self.address = self.server.address

    def total(self):
        return self.stats(self.server)["total"]

    def test_poller_is_in_force(self):
        self.assertEqual(self.ctl_json(self.server, "info")["poller"], self.POLLER)

    def reactors_cpu(self):
        """CPU time of the reactors' threads in nanoseconds."""
        spent = 0
        for task in os.scandir(f"/proc/{self.server.pid}/task"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # one that ended
                with open(os.path.join(task.path, "comm")) as file:
                    if not file.read().startswith("reactor-"):
                        continue
                with open(os.path.join(task.path, "schedstat")) as file:
                    spent += int(file.read().split()[0])
        return spent

    def test_busy_time_is_what_its_threads_ran_for(self):
        def busy():
            # The last millisecond of an engine's work is counted at its next wake-up.
            for _ in range(8):
                echo_once(self.address, b"wake")
            return self.total()["loop_busy_nanoseconds"]
        before, cpu = busy(), self.reactors_cpu()
        result = run(ECHOGWCTL, "bench", self.server.target, "-c", "20", "--messages", "60000")
        self.assertEqual(result.code, 0, result)
        after, cpu = busy(), self.reactors_cpu() - cpu
        self.assertGreater(cpu, 50_000_000, "that was no work")
        # An idle wait also takes some CPU time, which is not work.
        self.assertGreater((after - before) / cpu, 0.8 if self.POLLER == "io_uring" else 0.2)
        begun = time.monotonic()
        wait_until(lambda: time.monotonic() - begun > 0.3, "a time of nothing")
        self.assertLess(busy() - after, 150_000_000, "waiting counts as busy")

    def test_sizes_come_back_byte_exact(self):
        sizes = [0, 1, 2, 63, 1447, 1448, 4096, 65535, 65536, 65537, 262144, MIB + 1, 8 * MIB]
        for size in sizes:
            with self.subTest(size=size):
                payload = pattern(size, size)
                # Compared first, because a diff of megabytes is unreadable.
                self.assertTrue(echo_once(self.address, payload) == payload, f"{size} bytes")
        wait_until(lambda: self.total()["connections_active"] == 0, "all closed")
        total = self.total()
        self.assertEqual(total["received_bytes"], sum(sizes))
        self.assertEqual(total["sent_bytes"], sum(sizes))
        self.assertEqual(total["connections_closed"]["peer_closed"], len(sizes))

    def test_one_byte_at_a_time(self):
        payload = pattern(500)
        with connect(self.address) as client:
            echoed = b"".join(ping(client, payload[i:i + 1]) for i in range(len(payload)))
        self.assertEqual(echoed, payload)

    def test_single_bytes_without_waiting(self):
        payload = pattern(5000)
        with connect(self.address) as client:
            for i in range(len(payload)):
                client.send(payload[i:i + 1])
            client.shutdown(socket.SHUT_WR)
            self.assertEqual(recv_exactly(client, len(payload) + 1), payload)

    def test_half_closed_client_gets_all_then_fin(self):
        # More than any socket buffer holds; read only after FIN was sent.
        payload = pattern(2 * MIB, 3)
        with connect(self.address, rcvbuf=8192) as client:
            self.assertTrue(exchange(client, payload) == payload)

    def test_fin_alone_is_answered_with_fin(self):
        with connect(self.address) as client:
            client.shutdown(socket.SHUT_WR)
            self.assertEqual(outcome(client), "fin")

    def test_resets_are_counted_and_harm_nobody(self):
        with connect(self.address) as bystander:
            for _ in range(20):
                client = connect(self.address)
                self.assertEqual(ping(client), b"ping")
                reset(client)
            wait_until(lambda: self.total()["connections_closed"]["peer_reset"] == 20, "20 resets")
            self.assertEqual(ping(bystander), b"ping")
        self.assertEqual(self.total()["connections_closed"]["io_error"], 0)

    def test_reset_with_unread_answers(self):
        client = connect(self.address, rcvbuf=4096)
        fill(client, pattern(4 * MIB), quiet=0.05)
        reset(client)
        wait_until(lambda: self.total()["connections_active"] == 0, "it is gone")
        self.assertEqual(self.total()["pending_bytes"], 0)

    def test_firehose_starves_nobody(self):
        stop = threading.Event()
        payload = pattern(MIB)

        def blast():
            with connect(self.address) as client:
                drinker = threading.Thread(target=outcome, args=(client,))
                drinker.start()
                while not stop.is_set():
                    client.sendall(payload)
                client.shutdown(socket.SHUT_WR)
                drinker.join(TIMEOUT)

        threads = [threading.Thread(target=blast) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            with Crowd(self.address, 8) as crowd:
                begun = time.monotonic()
                for round_number in range(5):
                    self.assertEqual(crowd.echo(round_number), 8)
                self.assertLess(time.monotonic() - begun, 10)
        finally:
            stop.set()
            for thread in threads:
                thread.join(TIMEOUT)

    def test_many_at_once(self):
        with Crowd(self.address, 200) as crowd:
            self.assertEqual(crowd.echo(1), 200)
            self.assertEqual(crowd.echo(2), 200)
            total = self.total()
            self.assertEqual(total["connections_active"], 200)
            self.assertEqual(total["connections_accepted"], 200)


class Epoll(EchoCases, EndToEnd):
    POLLER = "epoll"


class Poll(EchoCases, EndToEnd):
    POLLER = "poll"


class Select(EchoCases, EndToEnd):
    POLLER = "select"


class IoUring(EchoCases, EndToEnd):
    POLLER = "io_uring"

    def setUp(self):
        note = self.gateway().err.wait_for(r" epoll \((.*)\), \d+ descriptors").group(1)
        if note != "io_uring is available":
            self.skipTest(note)
        super().setUp()

    def test_blocked_it_is_refused_and_auto_is_epoll(self):
        # A system call filter, as in a container, refuses io_uring_setup.
        blocked = (sys.executable, os.path.join(os.path.dirname(__file__), "without_io_uring.py"))
        result = run(*blocked, ECHOGW, "--poller", "io_uring", "--listen", "127.0.0.1:0", "--admin",
                     "127.0.0.1:0", "--metrics", "127.0.0.1:0")
        self.assertEqual(result.code, 1, result)
        self.one_line(result.err, "io_uring is blocked (EPERM)", "seccomp")
        gateway = self.gateway(prefix=blocked)
        self.assertEqual(self.ctl_json(gateway, "info")["poller"], "epoll")
        self.assertIsNotNone(gateway.err.wait_for(r"epoll \(io_uring is blocked \(EPERM\)"))


class SlowReader(EndToEnd):
    def test_costs_a_bounded_buffer_and_loses_nothing(self):
        count = 40
        gateway = self.gateway("--rcvbuf", "64KiB", "--sndbuf", "64KiB", "--buffer-size", "64KiB")
        echo_once(gateway.address, pattern(8 * MIB))
        before = gateway.resident_bytes()
        payload = pattern(4 * MIB, 5)
        clients = [connect(gateway.address, rcvbuf=32768, sndbuf=32768) for _ in range(count)]
        taken = [fill(client, payload, quiet=0.05) for client in clients]
        # Each is stuck: the gateway holds at most one buffer for it and reads no more.
        total = self.stats(gateway)["total"]
        self.assertGreater(total["pending_bytes"], 0)
        self.assertLessEqual(total["pending_bytes"], count * 65536)
        self.assertLess(max(taken), 2 * MIB)
        grown = gateway.resident_bytes() - before
        self.assertLess(grown, (64 if SANITIZER else 3) * MIB + count * 65536)
        # A client that reads is not affected.
        self.assertEqual(echo_once(gateway.address, pattern(MIB)), pattern(MIB))
        for client, size in zip(clients, taken):
            client.shutdown(socket.SHUT_WR)
            with client:
                self.assertTrue(recv_exactly(client, size + 1) == payload[:size])
        self.assertEqual(self.stats(gateway)["total"]["pending_bytes"], 0)


class Transform(EndToEnd):
    def test_upper_turns_ascii_letters_only(self):
        gateway = self.gateway("--transform", "upper")
        every_byte = bytes(range(256)) * 300
        self.assertEqual(echo_once(gateway.address, every_byte), every_byte.upper())

    def test_none_is_the_default(self):
        gateway = self.gateway()
        every_byte = bytes(range(256)) * 300
        self.assertEqual(echo_once(gateway.address, every_byte), every_byte)


class Limits(EndToEnd):
    def test_select_past_fd_setsize_refuses_and_counts(self):
        self.need_files(3000)
        gateway = self.gateway("--poller", "select", reactors=1)
        self.refuses(gateway, "fd_limit_select")

    def refuses(self, gateway, reason, count=1100):
        with contextlib.ExitStack() as open_clients:
            served = []
            for _ in range(count):
                try:
                    # A refused connection may be reset before connect() returns.
                    client = open_clients.enter_context(connect(gateway.address))
                    served.append(client if ping(client) == b"ping" else None)
                except ConnectionError:
                    served.append(None)
            # The first ones survive, the last one does not, and the two counts add up.
            self.assertNotIn(None, served[:64])
            self.assertIsNone(served[-1])
            total = self.stats(gateway)["total"]
            self.assertEqual(total["connections_rejected"][reason], served.count(None))
            self.assertEqual(total["connections_active"], count - served.count(None))
            self.assertEqual(ping(served[0]), b"ping")
        wait_until(lambda: self.stats(gateway)["total"]["connections_active"] == 0, "all closed")
        # Once there is room, the next one is served.
        self.assertEqual(echo_once(gateway.address, b"again"), b"again")

    def test_a_full_table_refuses_and_counts(self):
        gateway = self.gateway("--max-connections", "64", reactors=1)
        self.refuses(gateway, "table_full", count=80)

    def test_2000_connections(self):
        self.need_files(4200)
        gateway = self.gateway(reactors=4)
        with Crowd(gateway.address, 2000) as crowd:
            self.assertEqual(crowd.echo(1), 2000)
            total = self.stats(gateway)["total"]
            self.assertEqual(total["connections_active"], 2000)
            self.assertEqual(crowd.echo(2), 2000)
        wait_until(lambda: self.stats(gateway)["total"]["connections_active"] == 0, "all closed")
        self.assertEqual(self.stats(gateway)["total"]["connections_closed"]["peer_closed"], 2000)

    def test_out_of_descriptors_pauses_and_goes_on(self):
        gateway = self.gateway(files=96, reactors=1)
        with Crowd(gateway.address, 100) as crowd:
            self.assertIsNotNone(gateway.err.wait_for(r"pauses accepting"))
            self.assertEqual(ping(crowd.clients[0]), b"ping")
            # Queued clients are served as soon as others leave.
            for client in crowd.clients[:60]:
                client.close()
            self.assertEqual(ping(crowd.clients[-1]), b"ping")
        self.assertGreater(self.stats(gateway)["total"]["accept_errors_fd"], 0)

    def test_out_of_descriptors_leaves_some_to_the_operator(self):
        gateway = self.gateway(files=80, reactors=2)
        with Crowd(gateway.address, 150):
            self.assertIsNotNone(gateway.err.wait_for(r"pauses accepting"))
            with contextlib.ExitStack() as held:
                for _ in range(3):
                    held.enter_context(connect(split_address(gateway.metrics)))
                self.assertEqual(self.ctl(gateway, "health").out, "serving\n")
                self.assertGreater(self.stats(gateway)["total"]["accept_errors_fd"], 0)
                self.assertEqual(get(gateway, "/metrics")[0], 200)
                self.ctl(gateway, "resize", "3", "--wait")
                self.ctl(gateway, "resize", "1", "--wait")

    def test_a_limit_too_low_to_start_is_one_clear_line(self):
        # A sanitizer needs descriptors too; without any it reports false errors.
        for files in (8, 10, 14, 20, 40) if SANITIZER else (5, 8, 10, 12, 14, 20, 40):
            result = run("prlimit", f"--nofile={files}:{files}", ECHOGW, "--reactors", "4",
                         "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0",
                         "--metrics", "127.0.0.1:0")
            with self.subTest(files=files):
                self.assertEqual(result.code, 1, result)
                self.one_line(result.err, "open files", f"the limit is {files}", "ulimit -n")


if __name__ == "__main__":
    unittest.main()
