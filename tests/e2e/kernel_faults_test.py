"""Goal: a failing system call affects only the request it belongs to, and the gateway recovers as
soon as the call succeeds.
Method: the real binary, with system calls that fail on demand (fault_shim.cc). Each case prints its
load and duration."""

import errno
import os
import signal
import time
import unittest

from faults import ShimCase
from harness import ECHOGW, ECHOGWCTL, run, split_address, wait_until
from exporter import get
from wire import connect, echo_once, outcome, recv_exactly

DAY = 24 * 3600


class Accept(ShimCase):
    HELD, LATE = 50, 30

    def shortage(self, error, counter):
        """Accept fails for a while, with 50 open connections and 30 new clients."""
        gateway = self.faulty(reactors=2)
        crowd = self.crowd(gateway, self.HELD)
        self.assertEqual(crowd.echo(), self.HELD)
        before = self.stats(gateway)
        self.faults.fail("accept", error)
        # The kernel completes their handshakes and queues their data.
        late = self.crowd(gateway, self.LATE)
        for client in late.clients:
            client.sendall(b"late")
        wait_until(lambda: self.faults.failed("accept") >= 10, "pauses that grow")
        for step in range(5):
            self.assertEqual(crowd.echo(step), self.HELD)
        during = self.stats(gateway)
        self.assertEqual(during["total"]["connections_active"], self.HELD)
        self.assertGreaterEqual(during["total"][counter], 10)
        # It backs off: ten attempts of two reactors take 150 ms and almost no CPU time.
        spent = during["process_cpu_nanoseconds"] - before["process_cpu_nanoseconds"]
        self.assertLess(spent, 500_000_000)
        self.faults.work("accept")
        began = time.monotonic()
        self.assertEqual(sum(recv_exactly(client, 4) == b"late" for client in late.clients),
                         self.LATE)
        took = time.monotonic() - began
        self.assertLess(took, 5)
        total = self.stats(gateway)["total"]
        self.assertEqual(total["connections_active"], self.HELD + self.LATE)
        self.assertEqual(sum(total["connections_closed"].values()), 0)
        self.assertEqual(crowd.echo(9), self.HELD)
        self.report(f"{errno.errorcode[error]}: {self.HELD} connections held, 0 lost, "
                    f"{self.LATE} served {took:.3f} s after it was over, "
                    f"{self.faults.failed('accept')} attempts, {spent / 1e6:.0f} ms of CPU")

    def test_too_many_files_of_the_process(self):
        self.shortage(errno.EMFILE, "accept_errors_fd")

    def test_too_many_files_of_the_system(self):
        self.shortage(errno.ENFILE, "accept_errors_fd")

    def test_no_memory(self):
        self.shortage(errno.ENOMEM, "accept_errors_memory")

    def test_no_buffers(self):
        self.shortage(errno.ENOBUFS, "accept_errors_memory")

    def test_no_room_to_watch_a_connection(self):
        # The per-user limit fs.epoll.max_user_watches is exhausted.
        gateway = self.faulty(reactors=2)
        crowd = self.crowd(gateway, self.HELD)
        self.assertEqual(crowd.echo(), self.HELD)
        with self.faults.failing("epoll_add", errno.ENOSPC):
            with self.assertRaises(ConnectionResetError):
                connect(gateway.address).recv(1)
            self.assertEqual(crowd.echo(2), self.HELD)
        self.assertEqual(echo_once(gateway.address, b"again"), b"again")
        total = self.stats(gateway)["total"]
        self.assertEqual(total["connections_rejected"]["poller_error"], 1)
        self.report(f"{self.HELD} connections held, 0 lost, 1 turned away")


class Start(ShimCase):
    """Exit code 1, one line that names the failure, no port bound."""

    def start(self, *flags):
        return run(ECHOGW, "--reactors", "3", "--cpus", "none", "--listen", "127.0.0.1:0",
                   "--admin", "127.0.0.1:0", "--metrics", "127.0.0.1:0", *flags, env=self.shim)

    def fails(self, call, error, skip, *flags):
        with self.faults.failing(call, error, skip):
            result = self.start(*flags)
        with self.subTest(call=call, error=errno.errorcode[error], skip=skip):
            self.assertEqual(result.code, 1, result)
            self.assertIn(os.strerror(error), result.err)
            self.assertRegex(result.err.splitlines()[-1], "^echogw: ")
            self.assertNotIn("ready", result.out)

    def test_epoll_fails(self):
        for skip in range(3):
            for error in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
                self.fails("epoll_create", error, skip, "--poller", "epoll")

    def test_eventfd_fails(self):
        for skip in range(5):
            for error in (errno.EMFILE, errno.ENOMEM, errno.ENODEV):
                self.fails("eventfd", error, skip)

    def test_epoll_has_no_room(self):
        for skip in range(5):
            self.fails("epoll_add", errno.ENOSPC, skip)


class Resize(ShimCase):
    def test_that_fails_changes_nothing(self):
        gateway = self.faulty(reactors=2)
        crowd = self.crowd(gateway, 50)
        # In the order in which a reactor uses them: each attempt keeps what it got for the next.
        for call in ("eventfd", "epoll_create"):
            for skip in range(2):
                with self.faults.failing(call, errno.EMFILE, skip):
                    result = self.ctl(gateway, "resize", "4", "--wait", expect=1)
                with self.subTest(call=call, skip=skip):
                    self.assertIn(os.strerror(errno.EMFILE), result.out)
                    reactors = self.ctl_json(gateway, "reactors")["reactors"]
                    self.assertEqual(sum(r["state"].endswith("SERVING") for r in reactors), 2)
                    self.assertEqual(crowd.echo(skip), 50)
                    self.assertEqual(echo_once(gateway.address, b"new"), b"new")
        self.ctl(gateway, "resize", "4", "--wait")
        self.assertEqual(crowd.echo(7), 50)
        self.assertEqual(self.active(gateway), 50)
        self.report("50 connections held, 0 lost over 4 resizes that failed")


class WallClock(ShimCase):
    """Only printed times of day depend on the wall clock."""

    def test_jumps_cost_nothing(self):
        gateway = self.faulty("--drain-quiet-period", "300ms", "--drain-quiet-max-wait", "5s",
                              "--drain-deadline", "20s", reactors=2)
        crowd = self.crowd(gateway, 100)
        watch = self.process(ECHOGWCTL, "--target", gateway.admin, "stats", "--watch", "50ms",
                             "-o", "json")
        for step, off in enumerate((3650 * DAY, 0, -DAY, DAY)):
            self.faults.wall_clock_off_by(off)
            shown = len(watch.out.all())
            self.assertEqual(crowd.echo(step), 100)
            self.assertEqual(echo_once(gateway.address, b"new"), b"new")
            self.assertEqual(self.ctl(gateway, "health").out, "serving\n")
            self.assertEqual(get(gateway, "/metrics")[0], 200)
            began = time.monotonic()
            self.ctl(gateway, "resize", str(3 - step % 2), "--wait")
            self.assertLess(time.monotonic() - began, 5)
            # gRPC's alarms would be late by as much as the clock was set back.
            wait_until(lambda: len(watch.out.all()) >= shown + 3, "the watch continues")
        total = self.stats(gateway)["total"]
        self.assertEqual(total["connections_active"], 100)
        ages = [float(c["age"].rstrip("s")) for c in self.ctl_json(gateway, "conns")["connections"]]
        self.assertLess(max(ages), 60)
        # Also during the waits of a drain.
        gateway.signal(signal.SIGTERM)
        began = time.monotonic()
        gateway.err.wait_for("quiet")
        self.faults.wall_clock_off_by(-DAY)
        for client in crowd.clients:
            self.assertEqual(outcome(client), "fin")
            client.close()
        self.assertEqual(gateway.wait(), 0)
        took = time.monotonic() - began
        self.assertGreater(took, 0.25)
        self.assertLess(took, 10)
        crowd.clients.clear()
        self.report(f"100 connections held over 4 jumps of up to 10 years, 0 lost; a drain with "
                    f"another jump took {took:.2f} s")


class AdminCrowd(ShimCase):
    """Many unauthenticated connections to the admin port do not affect clients, and are closed."""

    def test_leaves_files_to_clients_and_goes(self):
        gateway = self.faulty(files=120)
        crowd = self.crowd(gateway, 40)
        strangers = []
        self.addCleanup(lambda: [stranger.close() for stranger in strangers])
        for port in (gateway.admin, gateway.metrics):
            for _ in range(120):
                strangers.append(connect(split_address(port)))
        self.assertIsNotNone(gateway.err.wait_for(r"admin: \d+ connections are open"))
        late = self.crowd(gateway, 10)
        self.assertEqual(crowd.echo(), 40)
        self.assertEqual(late.echo(), 10)
        self.assertLess(gateway.open_files(), 120)
        for stranger in strangers:
            stranger.close()
        began = time.monotonic()
        self.assertEqual(self.ctl(gateway, "health").out, "serving\n")
        took = time.monotonic() - began
        self.assertEqual(crowd.echo(2), 40)
        self.report(f"50 connections held and accepted beside 240 strangers, 0 lost; the operator "
                    f"was answered {took:.2f} s after they had gone")


class AdminAccept(ShimCase):
    def test_goes_on_after_a_shortage(self):
        gateway = self.faulty()
        self.faults.accept_port(split_address(gateway.admin)[1])
        for error in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
            before = self.faults.failed("accept")
            with self.faults.failing("accept", error):
                waiting = connect(split_address(gateway.admin))
                self.addCleanup(waiting.close)
                wait_until(lambda: self.faults.failed("accept") > before + 1, "attempts")
            began = time.monotonic()
            self.assertEqual(self.ctl(gateway, "health").out, "serving\n")
            self.report(f"{errno.errorcode[error]}: answered {time.monotonic() - began:.2f} s "
                        "after it was over")


if __name__ == "__main__":
    unittest.main()
