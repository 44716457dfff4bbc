"""Fixtures for fault tests: many clients, and a gateway with injected system call failures."""

import contextlib
import mmap
import os
import struct
import sys

from harness import SANITIZER, EndToEnd, wait_until
from wire import Crowd, reset

SHIM = os.environ.get("ECHOGW_FAULT_SHIM", "")


class FaultCase(EndToEnd):
    def active(self, gateway):
        return self.stats(gateway)["total"]["connections_active"]

    def wait_active(self, gateway, count):
        wait_until(lambda: self.active(gateway) == count, f"{count} connections")

    def crowd(self, gateway, count):
        """Connections that end with RST, to leave no port in TIME_WAIT."""
        self.need_files(count + 200)
        crowd = Crowd(gateway.address, count)
        self.addCleanup(lambda: [reset(client) for client in crowd.clients])
        return crowd

    def report(self, text):
        print(f"  {self.id()}: {text}", file=sys.stderr)


class Faults:
    """Controls fault_shim.cc: calls to fail, by name, changeable while the gateway runs."""

    # The layout of struct Faults: error, skip and failed per call, then two numbers.
    _CALLS = {name: 12 * i for i, name in enumerate(("accept", "epoll_create", "epoll_add",
                                                     "eventfd"))}
    _PORT, _WALL, _SIZE = 48, 52, 56

    def __init__(self, folder):
        self.path = os.path.join(folder, "faults")
        with open(self.path, "w+b") as file:
            file.write(bytes(self._SIZE))
            file.flush()
            self._memory = mmap.mmap(file.fileno(), self._SIZE)

    def _put(self, offset, number):
        self._memory[offset:offset + 4] = struct.pack("=i", number)

    def fail(self, call, error, skip=0):
        """`call` fails with `error` after its next `skip` calls."""
        self._put(self._CALLS[call] + 4, skip)
        self._put(self._CALLS[call], error)

    def work(self, call):
        self._put(self._CALLS[call], 0)

    def failed(self, call):
        return struct.unpack_from("=i", self._memory, self._CALLS[call] + 8)[0]

    @contextlib.contextmanager
    def failing(self, call, error, skip=0):
        self.fail(call, error, skip)
        try:
            yield
        finally:
            self.work(call)

    def accept_port(self, port):
        self._put(self._PORT, port)

    def wall_clock_off_by(self, seconds):
        self._put(self._WALL, seconds)


class ShimCase(FaultCase):
    def setUp(self):
        if SANITIZER:
            self.skipTest("the sanitizer's own copies of system calls come first")
        self.faults = Faults(self.temporary_folder())
        self.shim = {"LD_PRELOAD": SHIM, "FAULT_SHIM_FILE": self.faults.path}

    def faulty(self, *flags, **options):
        gateway = self.gateway(*flags, env=self.shim, **options)
        self.faults.accept_port(gateway.address[1])
        return gateway
