"""Clients of the data port."""

import contextlib
import random
import selectors
import socket
import struct
import threading

from harness import TIMEOUT


def pattern(size, seed=1):
    """Bytes that differ at every offset and between seeds."""
    return random.Random(seed).randbytes(size)


def connect(address, rcvbuf=0, sndbuf=0):
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    client = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Before connect, so that it determines the window.
        if rcvbuf:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        if sndbuf:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, sndbuf)
        client.settimeout(TIMEOUT)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.connect(address)
    except BaseException:
        client.close()
        raise
    return client


def recv_exactly(client, size):
    """`size` bytes, or fewer if the peer ends first."""
    parts = []
    while size > 0:
        part = client.recv(min(size, 1 << 18))
        if not part:
            break
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def ping(client, payload=b"ping"):
    """Sends and returns the echo."""
    client.sendall(payload)
    return recv_exactly(client, len(payload))


def exchange(client, payload, half_close=True):
    """Sends `payload` while reading the echo; with half_close, up to the peer's FIN."""
    def send():
        client.sendall(payload)
        if half_close:
            client.shutdown(socket.SHUT_WR)

    failures = []

    def guarded():
        try:
            send()
        except OSError as error:
            failures.append(error)

    sender = threading.Thread(target=guarded)
    sender.start()
    try:
        if half_close:
            parts = []
            while part := client.recv(1 << 18):
                parts.append(part)
            return b"".join(parts)
        return recv_exactly(client, len(payload))
    finally:
        sender.join(TIMEOUT)
        if failures:
            raise failures[0]


def echo_once(address, payload):
    with connect(address) as client:
        return exchange(client, payload)


def reset(client):
    """Closes with RST instead of FIN."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def outcome(client):
    """How the peer ends the connection: "fin" or "reset"; earlier data is dropped."""
    try:
        while client.recv(1 << 16):
            pass
        return "fin"
    except (ConnectionResetError, BrokenPipeError):
        return "reset"


def fill(client, payload, quiet=0.2):
    """Sends until nothing was accepted for `quiet` seconds; the number of bytes accepted.

    The time is not used for synchronization: a slower peer only makes the backlog smaller.
    """
    client.setblocking(False)
    sent = 0
    with selectors.DefaultSelector() as selector:
        selector.register(client, selectors.EVENT_WRITE)
        while sent < len(payload) and selector.select(quiet):
            with contextlib.suppress(BlockingIOError):
                sent += client.send(payload[sent:sent + (1 << 18)])
    client.settimeout(TIMEOUT)
    return sent


class Crowd:
    """Many open connections, as a context manager that closes them."""

    def __init__(self, address, count):
        self.clients = []
        try:
            for _ in range(count):
                self.clients.append(connect(address))
        except BaseException:
            self.close()
            raise

    def echo(self, seed=1):
        """Each sends a different message and must receive its echo; the number that did."""
        messages = [pattern(64, seed * 100000 + i) for i in range(len(self.clients))]
        for client, message in zip(self.clients, messages):
            client.sendall(message)
        return sum(recv_exactly(client, 64) == message
                   for client, message in zip(self.clients, messages))

    def close(self):
        for client in self.clients:
            client.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
