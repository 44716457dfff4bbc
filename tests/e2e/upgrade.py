"""Upgrades of a gateway, for tests: follows its processes."""

import socket
import threading

from control_test import ControlCase
from wire import connect, pattern, recv_exactly


class UpgradeCase(ControlCase):
    def upgrade(self, gateway, *flags, verb="upgrade", lingers=False):
        """Upgrades and follows the gateway to its new process; returns the operation. With
        `lingers` the process before it is left running."""
        operation = self.ctl_json(gateway, verb, "--wait", *flags)["operation"]
        self.assertEqual(operation["result"], "OPERATION_RESULT_SUCCEEDED", operation["message"])
        pid = self.pid_of(gateway)
        in_place = "--in-place" in flags
        self.assertEqual(pid == gateway.pid, in_place)
        if not lingers:
            gateway.follow(pid)
        return operation

    def counters(self, gateway):
        return [r["counters"] for r in self.reactors(gateway)]

    def no_counter_fell(self, before, after):
        falls = ("connections_active", "pending_bytes")
        for reactor, (then, now) in enumerate(zip(before, after)):
            for name, value in then.items():
                if isinstance(value, int) and name not in falls:
                    self.assertGreaterEqual(now[name], value, f"{name} of reactor {reactor}")


class Churn:
    """Clients that connect, exchange a message and close, and clients that stay, on threads, until
    the end of the context. `errors` and the number of rounds are read afterwards."""

    def __init__(self, address, threads=4):
        self.errors = []
        self.rounds = 0
        self._address = address
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, args=(i, ))
                         for i in range(threads)]

    def _run(self, seed):
        message = pattern(300, seed)
        stays = connect(self._address)
        try:
            while not self._stop.is_set():
                with connect(self._address) as once:
                    for client in (once, stays):
                        client.sendall(message)
                        echo = recv_exactly(client, len(message))
                        if echo != message:
                            raise OSError(f"{len(echo)} of {len(message)} bytes, or wrong ones")
                    once.shutdown(socket.SHUT_WR)
                    if once.recv(1) != b"":
                        raise OSError("more than was sent")
                with self._lock:
                    self.rounds += 1
        except OSError as error:
            self.errors.append(repr(error))
        finally:
            stays.close()

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()
