"""Goal: external faults end no connection that could be kept, and the gateway recovers.
Method: the real binary; clients that trickle, vanish or never read, a stopped gateway, a full disk.
Each case prints its load and duration."""

import os
import select
import signal
import socket
import time
import unittest

from exporter import Scrape, get
from faults import FaultCase
from harness import ECHOGWCTL, TIMEOUT, SANITIZER, run, split_address, wait_until
from wire import connect, echo_once, pattern, ping, recv_exactly, reset


def state(pid):
    """The state of the process, such as "T" for stopped."""
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rsplit(")", 1)[1].split()[0]


class SlowClients(FaultCase):
    def test_thousands_that_trickle_starve_nobody(self):
        count = 2000 if SANITIZER else 10_000
        gateway = self.gateway()
        slow = self.crowd(gateway, count)
        others = self.crowd(gateway, 20)
        began = time.monotonic()
        for step in range(3):
            for client in slow.clients:
                client.send(bytes([65 + step]))
            self.assertEqual(others.echo(step), 20)
            self.assertEqual(self.ctl(gateway, "health").out, "serving\n")
        took = time.monotonic() - began
        self.assertEqual(sum(recv_exactly(client, 3) == b"ABC" for client in slow.clients), count)
        total = self.stats(gateway)["total"]
        self.assertEqual(total["connections_active"], count + 20)
        self.assertEqual(sum(total["connections_closed"].values()), 0)
        self.report(f"{count + 20} connections held, 0 lost, {took:.2f} s for 3 bytes of each")

    def test_a_burst_of_connects_is_served_whole(self):
        count = 1000 if SANITIZER else 4000
        gateway = self.gateway()
        others = self.crowd(gateway, 10)
        self.need_files(count + 300)
        clients = []
        self.addCleanup(lambda: [reset(client) for client in clients])
        began = time.monotonic()
        for _ in range(count):
            client = socket.socket()
            clients.append(client)
            client.setblocking(False)
            client.connect_ex(gateway.address)
        self.assertEqual(others.echo(), 10)
        for client in clients:
            self.assertTrue(self.writable(client))
            self.assertEqual(client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), 0)
            client.settimeout(TIMEOUT)
            client.sendall(b"burst")
        self.assertEqual(sum(recv_exactly(client, 5) == b"burst" for client in clients), count)
        self.report(f"{count} connects at once served in {time.monotonic() - began:.2f} s, 0 lost")

    def writable(self, client):
        poller = select.poll()
        poller.register(client, select.POLLOUT)
        return bool(poller.poll(TIMEOUT * 1000))


class KilledClients(FaultCase):
    def test_killed_in_the_middle_of_messages(self):
        gateway = self.gateway()
        others = self.crowd(gateway, 20)
        self.assertEqual(others.echo(), 20)
        files = gateway.open_files()
        for attempt in range(3):
            load = self.process(ECHOGWCTL, "bench", gateway.target, "-c", "100", "--size",
                                "64KiB", "--duration", "60s")
            wait_until(lambda: self.stats(gateway)["total"]["sent_bytes"] >
                       (attempt + 1) * 100 * 65536, "traffic")
            self.wait_active(gateway, 120)
            load.signal(signal.SIGKILL)
            began = time.monotonic()
            load.wait()
            self.wait_active(gateway, 20)
            self.report(f"100 killed clients gone after {time.monotonic() - began:.3f} s")
            self.assertEqual(others.echo(attempt), 20)
        wait_until(lambda: gateway.open_files() <= files, "no descriptor is left")
        self.assertEqual(self.stats(gateway)["total"]["pending_bytes"], 0)


class StoppedGateway(FaultCase):
    def test_goes_on_where_it_was_stopped(self):
        gateway = self.gateway()
        crowd = self.crowd(gateway, 200)
        self.assertEqual(crowd.echo(), 200)
        gateway.signal(signal.SIGSTOP)
        self.addCleanup(lambda: gateway.running() and gateway.signal(signal.SIGCONT))
        wait_until(lambda: state(gateway.pid) == "T", "the gateway is stopped")
        payload = pattern(4096, 3)
        for client in crowd.clients:
            client.sendall(payload)
        # The kernel still completes handshakes and queues data.
        late = self.crowd(gateway, 50)
        for client in late.clients:
            client.sendall(payload)
        gateway.signal(signal.SIGCONT)
        began = time.monotonic()
        everybody = crowd.clients + late.clients
        self.assertEqual(sum(recv_exactly(client, 4096) == payload for client in everybody), 250)
        took = time.monotonic() - began
        total = self.stats(gateway)["total"]
        self.assertEqual(total["connections_active"], 250)
        self.assertEqual(sum(total["connections_closed"].values()), 0)
        self.report(f"250 connections held, 0 lost, all answered {took:.3f} s after SIGCONT")

    def test_a_drain_told_while_stopped_is_done_afterwards(self):
        gateway = self.gateway()
        with connect(gateway.address) as client:
            self.assertEqual(ping(client), b"ping")
            gateway.signal(signal.SIGSTOP)
            self.addCleanup(lambda: gateway.running() and gateway.signal(signal.SIGCONT))
            wait_until(lambda: state(gateway.pid) == "T", "the gateway is stopped")
            gateway.signal(signal.SIGTERM)
            gateway.signal(signal.SIGCONT)
            self.assertEqual(client.recv(1), b"")
        self.assertEqual(gateway.wait(), 0)


class FullDisk(FaultCase):
    SIZE = 64 * 1024

    def test_of_the_log_costs_lines_and_nothing_else(self):
        if os.geteuid() != 0:
            self.unmet("needs root to mount a file system")
        folder = self.temporary_folder()
        # Mounted in this process's namespace only.
        prefix = ("unshare", "--mount", "sh", "-c",
                  f"mount -t tmpfs -o size={self.SIZE} none {folder} || exit 77; "
                  f"head -c {self.SIZE // 2} /dev/zero > {folder}/ballast; exec \"$@\"", "-")
        if run(*prefix, "true").code == 77:
            self.unmet("may not mount a file system here")
        gateway = self.gateway("--log-file", folder + "/echogw.log", prefix=prefix)
        inside = f"/proc/{gateway.pid}/root{folder}/"
        crowd = self.crowd(gateway, 20)

        def errors():
            return Scrape(gateway).total("echogw_log_write_errors_total")

        def more_lines():
            self.assertEqual(echo_once(gateway.address, b"still here"), b"still here")
            return errors()

        wait_until(more_lines, "lines that could not be written are counted")
        self.assertEqual(crowd.echo(), 20)
        lost = errors()
        os.unlink(inside + "ballast")
        before = os.path.getsize(inside + "echogw.log")
        wait_until(lambda: (echo_once(gateway.address, b"x"),
                            os.path.getsize(inside + "echogw.log") > before)[1],
                   "lines are written again")
        self.assertEqual(crowd.echo(2), 20)
        self.report(f"{lost:.0f} lines lost while the disk was full, 0 of 20 connections")


class StuckScrapes(FaultCase):
    def test_scrapes_that_never_read_hide_nothing(self):
        # Many reactors make a long response. Whether the kernel buffers that of a stuck client or a
        # time limit ends it, others get theirs within the 10 s scrape timeout of Prometheus.
        gateway = self.gateway(reactors=128)
        size = len(get(gateway, "/metrics")[2])
        for _ in range(8):
            stuck = connect(split_address(gateway.metrics), rcvbuf=4096)
            self.addCleanup(stuck.close)
            stuck.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        began = time.monotonic()
        status, _, body = get(gateway, "/metrics", timeout=10)
        self.assertEqual(status, 200)
        self.assertGreater(len(body), size / 2)
        self.report(f"a scrape of {len(body)} bytes beside 8 stuck ones took "
                    f"{time.monotonic() - began:.2f} s")
        self.assertEqual(echo_once(gateway.address, b"x"), b"x")


if __name__ == "__main__":
    unittest.main()
