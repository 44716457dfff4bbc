#!/usr/bin/python3
"""Measures the effect of listing many connections on echo latency.

A gateway holds idle connections, and one more runs a ping-pong. Each round measures its p99.9
without and with an operator that lists all connections in a loop, by page and sorted in turn. The
gateway has one CPU for all its threads, the worst case. The clients have another, where the
operator has the lowest priority; otherwise its delay would count as the gateway's.

  tests/bench/listing.py                       19,000 connections, 5 rounds (about a minute)
  tests/bench/listing.py --max-rise-ms 2       exit with 1 when the median rises by more
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from memory import IdleClients  # noqa: E402
from servers import BenchError, Server, find_binary  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LISTINGS = (["--all"], ["--sort", "idle", "--limit", "1000"])


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(ROOT, "build", "release"),
                        help="build folder with the binaries (default: build/release)")
    parser.add_argument("--connections", type=int, default=19_000, help="default %(default)s")
    parser.add_argument("--reactors", type=int, default=2, help="default %(default)s")
    parser.add_argument("--rounds", type=int, default=5, help="default %(default)s")
    parser.add_argument("--duration", type=float, default=3.0,
                        help="seconds of each measurement (default %(default)s)")
    parser.add_argument("--server-cpu", type=int, default=0)
    parser.add_argument("--client-cpu", type=int, default=1)
    parser.add_argument("--max-rise-ms", type=float,
                        help="exit with 1 when the median p99.9 rises by more than this")
    arguments = parser.parse_args()
    if arguments.connections < 2 or arguments.rounds < 1 or arguments.duration <= 0:
        parser.error("--connections, --rounds and --duration must be positive")
    return arguments


class Operator:
    """A context in which a thread lists all connections in a loop."""

    def __init__(self, ctl, admin, connections):
        self._command = [ctl, "--target", admin, "conns", "-o", "json"]
        self._connections = connections
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.listings = 0
        self.problem = None

    def _run(self):
        # This thread and its children run at the lowest priority.
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        while not self._stop.is_set():
            listing = LISTINGS[self.listings % len(LISTINGS)]
            done = subprocess.run(self._command + listing, capture_output=True, text=True,
                                  timeout=60, check=False)
            if done.returncode != 0:
                self.problem = done.stderr.strip()
                return
            found = len(json.loads(done.stdout)["connections"])
            if found < (self._connections if "--all" in listing else 1000):
                self.problem = f"{found} connections in a list of {self._connections}"
                return
            self.listings += 1

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        if self.problem:
            raise BenchError(f"the operator: {self.problem}")


def ping_pong(ctl, server, arguments):
    """p99 and p99.9 in milliseconds."""
    done = subprocess.run(
        [ctl, "bench", server.address, "-c", "1", "-s", "64", "-d", f"{arguments.duration:g}s",
         "--warmup", "0.3s", "-o", "json"],
        capture_output=True, text=True, timeout=arguments.duration + 60, check=False)
    if done.returncode != 0:
        raise BenchError(f"the ping-pong ended with {done.returncode}: {done.stderr.strip()}")
    latency = json.loads(done.stdout)["latency"]
    return latency["p99_nanoseconds"] / 1e6, latency["p99_9_nanoseconds"] / 1e6


def measure(arguments):
    gateway = find_binary(arguments.build, "echogw", "build it first")
    ctl = find_binary(arguments.build, "echogwctl", "build it first")
    command = [gateway, "--listen", "127.0.0.1:0", "--reactors", str(arguments.reactors),
               "--cpus", "none", "--admin", "127.0.0.1:0", "--metrics", "off",
               "--drain-quiet-period", "0s", "--drain-spread", "0s", "--drain-deadline", "5s"]
    rounds = []
    # For this process and its children, except the server.
    os.sched_setaffinity(0, {arguments.client_cpu})
    with Server("echogw", command, arguments.server_cpu, r"^ready$") as server:
        clients = IdleClients(server.address)
        try:
            clients.do("open", arguments.connections)
            clients.do("use")
            for number in range(arguments.rounds):
                alone = ping_pong(ctl, server, arguments)
                with Operator(ctl, server.admin, arguments.connections) as operator:
                    listed = ping_pong(ctl, server, arguments)
                if operator.listings == 0:
                    raise BenchError("no listing completed; increase --duration")
                rounds.append((alone, listed))
                print(f"round {number + 1}: p99 {alone[0]:.3f} -> {listed[0]:.3f} ms, "
                      f"p99.9 {alone[1]:.3f} -> {listed[1]:.3f} ms, "
                      f"{operator.listings} listings", flush=True)
        finally:
            clients.close()
    return rounds


def main():
    arguments = parse_arguments()
    try:
        rounds = measure(arguments)
    except BenchError as error:
        print(f"listing.py: {error}", file=sys.stderr)
        return 2
    alone = statistics.median(pair[0][1] for pair in rounds)
    listed = statistics.median(pair[1][1] for pair in rounds)
    print(f"{arguments.connections:,} connections: median p99.9 of the ping-pong {alone:.3f} ms "
          f"alone, {listed:.3f} ms with listings: a rise of {listed - alone:.3f} ms")
    if arguments.max_rise_ms is not None and listed - alone > arguments.max_rise_ms:
        print(f"listing.py: more than {arguments.max_rise_ms:g} ms", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
