"""The servers by name: description, command, and what they cannot do."""

import dataclasses
import hashlib
import os
import shutil
import subprocess

from servers import BenchError, gateway_server, peer_server

READINESS = "readiness"    # asks the kernel which sockets are ready
COMPLETION = "completion"  # submits operations and receives their completions
BLOCKING = "blocking"      # sleeps in the call
GATEWAY = "gateway"

FD_SETSIZE = 1024
HERE = os.path.dirname(os.path.abspath(__file__))


@dataclasses.dataclass(frozen=True)
class Target:
    name: str
    title: str
    kind: str
    command: tuple               # what to start; the last word is the file that it is made of
    options: tuple = ()          # of echogw
    package: str = ""            # Debian's, whose version counts
    descriptors_max: int = 0     # 0: the system's limit
    own_descriptors: int = 0     # of those, what the server has open itself
    clients_at_a_time: int = 0   # 0: any number

    def start(self, cpus, reactors=1):
        if self.kind == GATEWAY:
            return gateway_server(self.command[0], cpus, list(self.options), reactors, self.name)
        return peer_server(list(self.command), cpus, self.name)

    def unfit_for(self, load):
        """Why this server cannot take this load; "" if it can."""
        if self.descriptors_max and load.connections + self.own_descriptors > self.descriptors_max:
            return f"an fd_set has {self.descriptors_max:,} places (FD_SETSIZE)"
        if self.clients_at_a_time and load.connections > self.clients_at_a_time and not load.churn:
            return "it serves one client at a time, the others wait for ever"
        if load.reactors and self.kind != GATEWAY:
            return "it has one thread, or as many as connections"
        return ""

    def missing(self):
        """Why it cannot be started here; "" if it can."""
        for file in self.command:
            if not os.path.exists(file):
                how = "cmake --build --preset release" if self.kind == GATEWAY else "peers.py build"
                return f"{os.path.relpath(file)} is missing; build it: {how}"
        if self.kind != GATEWAY:
            return ""
        # An option or mechanism that this build or system lacks.
        done = subprocess.run([self.command[0], *self.options, "--print-config"],
                              capture_output=True, text=True, timeout=20)
        return "" if done.returncode == 0 else done.stderr.strip().split("\n")[0]

    def identity(self):
        """Twelve hex digits that identify the binary."""
        digest = hashlib.sha256(" ".join(self.options).encode())
        with open(self.command[-1], "rb") as file:
            digest.update(file.read())
        return digest.hexdigest()[:12]

    def version(self):
        if self.name == "node":
            return _output(["node", "--version"]).lstrip("v")
        if not self.package:
            return ""
        return _output(["dpkg-query", "-W", "-f", "${Version}", self.package])


def _output(command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _peers(build):
    folder = os.path.join(build, "tests", "bench")

    def peer(name, title, kind, binary, **more):
        return Target(name, title, kind, (os.path.join(folder, binary),), **more)

    return [
        peer("epoll", "bare epoll, edge-triggered", READINESS, "raw_epoll_echo"),
        peer("epoll-level", "bare epoll, level-triggered", READINESS, "peers/epoll_level_echo"),
        peer("poll", "bare poll", READINESS, "peers/poll_echo"),
        peer("select", "bare select", READINESS, "peers/select_echo",
             descriptors_max=FD_SETSIZE, own_descriptors=4),
        peer("io_uring", "bare io_uring", COMPLETION, "peers/io_uring_echo",
             package="liburing-dev"),
        peer("threads", "a thread per connection", BLOCKING, "peers/thread_echo"),
        peer("blocking", "one client at a time", BLOCKING, "peers/blocking_echo",
             clients_at_a_time=1),
        peer("libuv", "libuv", READINESS, "peers/libuv_echo", package="libuv1-dev"),
        peer("libevent", "libevent", READINESS, "peers/libevent_echo", package="libevent-dev"),
        peer("asio", "Boost.Asio", READINESS, "peers/asio_echo", package="libboost-dev"),
        peer("go", "Go net", READINESS, "peers/go_echo", package="golang-go"),
        Target("node", "Node net", READINESS,
               (shutil.which("node") or "/usr/bin/node", os.path.join(HERE, "peers/node_echo.js"))),
        peer("tokio", "Rust Tokio", READINESS, "peers/tokio_echo", package="librust-tokio-dev"),
    ]


# Descriptors of the gateway besides connections: gRPC, exporter, listeners.
GATEWAY_DESCRIPTORS = 24


def _gateway(build, name, options, title=None, **more):
    return Target(name, title or name, GATEWAY, (os.path.join(build, "echogw"),), tuple(options),
                  **more)


def gateways(build, variants=()):
    """echogw with each mechanism, and variants given as NAME=OPTIONS."""
    known = [
        _gateway(build, "echogw", ["--poller=epoll"], "echogw, epoll"),
        _gateway(build, "echogw-io_uring", ["--poller=io_uring"], "echogw, io_uring"),
        _gateway(build, "echogw-poll", ["--poller=poll"], "echogw, poll"),
        _gateway(build, "echogw-select", ["--poller=select"], "echogw, select",
                 descriptors_max=FD_SETSIZE, own_descriptors=GATEWAY_DESCRIPTORS),
    ]
    for text in variants:
        name, equals, options = text.partition("=")
        if not equals or not name.startswith("echogw-") or name in (each.name for each in known):
            raise BenchError(f"--variant {text}: write echogw-NAME=OPTIONS with a new name, as in "
                             "echogw-spin='--poller=epoll --spin-us=20'")
        known.append(_gateway(build, name, options.split(), f"echogw, {options}"))
    return known


def everything(build, variants=()):
    return gateways(build, variants) + _peers(build)


# The default servers by group of loads; variants are added.
CLASSIC = {"echogw-poll", "echogw-select"}
IN_CONNECTIONS = {"echogw", "echogw-io_uring", "echogw-poll", "echogw-select", "epoll",
                  "epoll-level", "poll", "select", "io_uring", "threads"}
IN_SIZES = {"echogw", "echogw-io_uring", "epoll", "io_uring", "libuv", "go", "tokio"}


def takes_part(target, group, variants=()):
    if target.name in variants:
        return True
    if group == "connections":
        return target.name in IN_CONNECTIONS
    if group == "sizes":
        return target.name in IN_SIZES
    if group == "reactors":
        return target.kind == GATEWAY and target.name not in CLASSIC
    return target.name not in CLASSIC
