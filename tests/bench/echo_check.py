"""Checks that a server echoes every byte; only then are its figures comparable."""

import random
import socket
import threading

SEED = 7
STREAM_BYTES = 16 * 1024 * 1024  # more than the kernel's buffers hold, with ours this small:
SMALL_BUFFER_BYTES = 64 * 1024
CONNECTIONS = 40
CHURN = 200
TIMEOUT_SECONDS = 60  # of one call; a loaded machine is slow


def _connect(address, buffer_bytes=None):
    host, port = address.rsplit(":", 1)
    connection = socket.socket()
    connection.settimeout(TIMEOUT_SECONDS)
    if buffer_bytes:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer_bytes)
    try:
        connection.connect((host, int(port)))
    except OSError:
        connection.close()
        raise
    return connection


def _read_exactly(connection, size):
    chunks = []
    while size > 0:
        chunk = connection.recv(min(size, 1 << 20))
        if not chunk:
            raise OSError(f"the stream ended {size} bytes early")
        chunks.append(chunk)
        size -= len(chunk)
    return b"".join(chunks)


def _stream(address):
    """Sends more than buffers hold before it reads, then half-closes and reads to the end."""
    data = random.Random(SEED).randbytes(STREAM_BYTES)
    with _connect(address, SMALL_BUFFER_BYTES) as connection:
        sent = threading.Event()
        errors = []

        def send():
            try:
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
            except OSError as error:
                errors.append(error)
            sent.set()

        thread = threading.Thread(target=send, daemon=True)
        thread.start()
        # The sender stops because nothing reads: the server's sends fail with EAGAIN.
        stuck = not sent.wait(0.2)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            connection.setsockopt(socket.SOL_SOCKET, option, STREAM_BYTES)  # quicker now
        got = _read_exactly(connection, len(data))
        rest = connection.recv(1)
        thread.join(TIMEOUT_SECONDS)
    if errors:
        return f"sending failed: {errors[0]}"
    if not stuck:
        return f"it took {STREAM_BYTES} bytes that the client had not read back: it buffers without limit"
    if got != data:
        return "the bytes of a long stream differ"
    return "more came back than was sent" if rest else ""


def _in_turn(address):
    """Many connections, one message each, in another order than they were opened."""
    connections = [_connect(address) for _ in range(CONNECTIONS)]
    try:
        order = list(range(CONNECTIONS))
        random.Random(SEED).shuffle(order)
        for index in order:
            connections[index].sendall(b"%08d" % index)
        for index, connection in enumerate(connections):
            if _read_exactly(connection, 8) != b"%08d" % index:
                return "a connection got another one's bytes"
    finally:
        for connection in connections:
            connection.close()
    return ""


def _churn(address):
    for number in range(CHURN):
        with _connect(address) as connection:
            message = b"%064d" % number
            connection.sendall(message)
            if _read_exactly(connection, len(message)) != message:
                return f"the bytes of connection {number} differ"
            connection.shutdown(socket.SHUT_WR)
            if connection.recv(1):
                return "more came back than was sent"
    return ""


def problem_of(address, at_once=True):
    """The fault of the server, in one line; "" if there is none."""
    try:
        return (_churn(address) or (_in_turn(address) if at_once else "") or _stream(address) or
                _churn(address))
    except OSError as error:
        return f"{error}"
