#!/usr/bin/python3
"""Compares the CPU time per message of `echogwctl bench` and a bare epoll client, run in turn
against the same bare epoll server. echogwctl verifies every byte and records every latency; the
bare client does neither.

  tests/bench/compare_client.py                              5 rounds of every load (4 minutes)
  tests/bench/compare_client.py --loads c50 --rounds 9 --max-ratio 1.05
"""

import argparse
import json
import os
import statistics
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from servers import BenchError, find_binary, raw_server, run_script  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HINT = "build it: cmake --preset release && cmake --build --preset release"
GRACE_SECONDS = 60

# name, what it is, connections, bytes, depth
LOADS = [
    ("c1", "1 connection, 64 B", 1, 64, 1),
    ("c50", "50 connections, 64 B", 50, 64, 1),
    ("c1000", "1,000 connections, 64 B", 1000, 64, 1),
    ("depth16", "50 connections, 64 B, depth 16", 50, 64, 16),
    ("bulk", "50 connections, 64 KiB", 50, 65536, 1),
]


def parse_arguments():
    names = [load[0] for load in LOADS]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(ROOT, "build", "release"),
                        help="build folder with the binaries (default: build/release)")
    parser.add_argument("--loads", default=",".join(names), help="which loads, of %(default)s")
    parser.add_argument("--rounds", type=int, default=5, help="default %(default)s")
    parser.add_argument("--duration", type=float, default=2.0,
                        help="measured seconds a run (default %(default)s)")
    parser.add_argument("--warmup", type=float, default=0.5,
                        help="seconds of load before that (default %(default)s)")
    parser.add_argument("--server-cpu", type=int, default=0)
    parser.add_argument("--client-cpu", type=int, default=1)
    parser.add_argument("--max-ratio", type=float,
                        help="exit with 1 when a ratio of medians is above this")
    arguments = parser.parse_args()
    wanted = arguments.loads.split(",")
    unknown = sorted(set(wanted) - set(names))
    if unknown:
        parser.error(f"--loads: no load named {', '.join(unknown)}; there are {', '.join(names)}")
    if arguments.rounds < 1 or arguments.duration <= 0 or arguments.warmup < 0:
        parser.error("--rounds and --duration must be positive, --warmup not negative")
    arguments.loads = [load for load in LOADS if load[0] in wanted]
    return arguments


def run(command, arguments):
    """CPU nanoseconds of the client per message."""
    command = ["taskset", "-c", str(arguments.client_cpu)] + command
    limit = arguments.duration + arguments.warmup + GRACE_SECONDS
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        raise BenchError(f"no end within {limit:.0f} s: {' '.join(command)}")
    if done.returncode != 0:
        raise BenchError(f"{done.stderr.strip() or done.stdout.strip()}\n  {' '.join(command)}")
    report = json.loads(done.stdout)
    if report["messages"] == 0:
        raise BenchError(f"no message was echoed in the measured time: {' '.join(command)}")
    return report["client_cpu_nanoseconds"] / report["messages"]


def measure(load, binaries, arguments):
    _, _, connections, size, depth = load
    figures = {"echogwctl": [], "bare": []}
    for number in range(arguments.rounds):
        names = ["echogwctl", "bare"]
        for name in names if number % 2 == 0 else reversed(names):
            with raw_server(binaries["server"], arguments.server_cpu) as server:
                host, port = server.address.rsplit(":", 1)
                if name == "bare":
                    command = [binaries["bare"], host, port, str(connections), str(size),
                               str(depth), str(round(arguments.warmup * 1000)),
                               str(round(arguments.duration * 1000))]
                else:
                    command = [binaries["echogwctl"], "bench", server.address,
                               "-c", str(connections), "-s", str(size), "-p", str(depth),
                               "-d", f"{arguments.duration:g}s", "--warmup",
                               f"{arguments.warmup:g}s", "-o", "json"]
                figures[name].append(run(command, arguments))
    return figures


def main():
    arguments = parse_arguments()
    for cpu in (arguments.server_cpu, arguments.client_cpu):
        if cpu not in os.sched_getaffinity(0):
            raise BenchError(f"CPU {cpu} is not in this process's affinity mask (taskset -p $$)")
    binaries = {"server": find_binary(arguments.build, "tests/bench/raw_epoll_echo", HINT),
                "bare": find_binary(arguments.build, "tests/bench/raw_epoll_client", HINT),
                "echogwctl": find_binary(arguments.build, "echogwctl", HINT)}
    fine = True
    print("Client CPU nanoseconds per message: median (lowest..highest)")
    print(f"{'load':<32}{'echogwctl bench':>27}{'bare epoll client':>27}{'ratio':>8}")
    for load in arguments.loads:
        figures = measure(load, binaries, arguments)
        medians = {name: statistics.median(values) for name, values in figures.items()}
        ratio = medians["echogwctl"] / medians["bare"]
        cells = "".join(f"{f'{medians[n]:,.0f} ({min(v):,.0f}..{max(v):,.0f})':>27}"
                        for n, v in figures.items())
        print(f"{load[1]:<32}{cells}{ratio:>8.3f}", flush=True)
        if arguments.max_ratio is not None and ratio > arguments.max_ratio:
            fine = False
            print(f"FAILED: {load[1]}: ratio {ratio:.3f} is above {arguments.max_ratio}")
    return 0 if fine else 1


if __name__ == "__main__":
    run_script(main)
