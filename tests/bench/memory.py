"""Resident memory of idle connections, and of processes without connections."""

import multiprocessing
import resource
import socket
import time

from servers import BenchError, Server

IDLE_COUNTS = (10_000, 19_000)
MESSAGE = b"x" * 64
SETTLE_SECONDS = 30
# The shared libraries that gRPC needs.
GRPC_LIBRARIES = ("libgrpc", "libgpr", "libprotobuf", "libabsl", "libupb", "libaddress_sorting",
                  "libre2", "libcares", "libssl", "libcrypto")


# Uses few ports per source address: the kernel takes long to find one of the last.
SOURCE_ADDRESSES = ("127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5", "127.0.0.6", "127.0.0.7")
IP_BIND_ADDRESS_NO_PORT = 24  # of <linux/in.h>: the port is chosen when the peer is known


def _open(address, number):
    host, port = address.rsplit(":", 1)
    connection = socket.socket()
    connection.settimeout(30)
    connection.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
    connection.bind((SOURCE_ADDRESSES[number % len(SOURCE_ADDRESSES)], 0))
    connection.connect((host, int(port)))
    return connection


def _hold(pipe, address):
    """A child process that opens and holds connections on the parent's commands."""
    held = []
    try:
        while True:
            verb, count = pipe.recv()
            if verb == "open":
                for _ in range(count):
                    held.append(_open(address, len(held)))
            elif verb in ("use", "use last"):
                for connection in (held if verb == "use" else held[-1:]):
                    connection.sendall(MESSAGE)
                    if connection.recv(len(MESSAGE), socket.MSG_WAITALL) != MESSAGE:
                        raise OSError("wrong bytes came back")
            else:
                return
            pipe.send("")
    except (OSError, EOFError) as error:
        pipe.send(f"{error}")


class IdleClients:
    """Two processes that hold connections; two because of the limit of open files."""

    PROCESSES = 2

    def __init__(self, address):
        self._pipes = []
        self._children = []
        for _ in range(self.PROCESSES):
            ours, theirs = multiprocessing.Pipe()
            child = multiprocessing.Process(target=_hold, args=(theirs, address), daemon=True)
            child.start()
            self._pipes.append(ours)
            self._children.append(child)

    def do(self, verb, count=0):
        for pipe in self._pipes:
            pipe.send((verb, count // self.PROCESSES))
        for pipe in self._pipes:
            problem = pipe.recv()
            if problem:
                raise BenchError(f"an idle client: {problem}")

    def close(self):
        for pipe, child in zip(self._pipes, self._children):
            try:
                pipe.send(("end", 0))
            except OSError:
                pass
            child.join(30)
            if child.is_alive():
                child.terminate()


def _wait_accepted(server, wanted):
    deadline = time.monotonic() + SETTLE_SECONDS
    while server.open_files() < wanted:
        if time.monotonic() > deadline:
            raise BenchError(f"{server.name} accepted {server.open_files()} of {wanted}")
        time.sleep(0.05)


def idle_figures(start):
    """Bytes of resident memory per connection: never used, and idle after one message."""
    figures = []
    with start() as server:
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        empty, files = server.memory()["Rss"], server.open_files()
        clients = IdleClients(server.address)
        try:
            opened = 0
            for count in IDLE_COUNTS:
                if count + files + 10 > hard:
                    print(f"skipped: {count:,} connections need more than the limit of "
                          f"{hard:,} open files")
                    continue
                clients.do("open", count - opened)
                opened = count
                _wait_accepted(server, files + count)
                fresh = server.memory()["Rss"]
                clients.do("use")
                used = server.memory()["Rss"]
                figures.append({"connections": count, "rss_empty": empty, "rss_fresh": fresh,
                                "rss_used": used,
                                "fresh_bytes_per_connection": (fresh - empty) / count,
                                "used_bytes_per_connection": (used - empty) / count})
        finally:
            clients.close()
    return figures


def _megabytes(size):
    return f"{size / 1e6:.1f} MB"


def compare(start_gateway, start_raw, bare_grpc_binary, cpu):
    """Measures and prints; returns the figures."""
    figures = {}
    print("\nResident bytes per idle connection")
    print(f"{'':<12}{'connections':>12}{'never used':>14}{'after a message':>18}")
    for name, start in (("echogw", start_gateway), ("raw", start_raw)):
        figures[name] = {"idle": idle_figures(start)}
        for idle in figures[name]["idle"]:
            print(f"{name:<12}{idle['connections']:>12,}"
                  f"{idle['fresh_bytes_per_connection']:>14.0f}"
                  f"{idle['used_bytes_per_connection']:>18.0f}", flush=True)

    def start_bare_grpc():
        return Server("bare gRPC server", [bare_grpc_binary], cpu, r"^ready$")

    for name, start in (("echogw", start_gateway), ("raw", start_raw),
                        ("bare_grpc", start_bare_grpc)):
        with start() as server:
            entry = figures.setdefault(name, {})
            entry["memory"] = server.memory()
            entry["memory_by_file"] = server.memory_by_file()
    rss = {name: figures[name]["memory"]["Rss"] for name in ("echogw", "raw", "bare_grpc")}
    share = rss["bare_grpc"] - rss["raw"]
    own = rss["echogw"] - rss["bare_grpc"]
    figures["grpc_share"] = share
    figures["own_share"] = own
    print("\nResident memory of a process without connections")
    print(f"  raw epoll loop                    {_megabytes(rss['raw']):>10}")
    print(f"  + gRPC with an empty server       {_megabytes(share):>10}")
    print(f"  + the gateway itself              {_megabytes(own):>10}")
    print(f"  = echogw                          {_megabytes(rss['echogw']):>10}")
    parts = {"gRPC's libraries": 0, "other libraries and the binary": 0, "heap, stacks": 0}
    for file, size in figures["echogw"]["memory_by_file"].items():
        if file.startswith(GRPC_LIBRARIES):
            parts["gRPC's libraries"] += size
        elif file:
            parts["other libraries and the binary"] += size
        else:
            parts["heap, stacks"] += size
    print("  (echogw by mapping: " +
          ", ".join(f"{name} {_megabytes(size)}" for name, size in parts.items()) + ")")
    return figures
