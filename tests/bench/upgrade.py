#!/usr/bin/python3
"""What an upgrade costs clients: the latency of a steady ping-pong without and with upgrades, beside
idle connections that move, and how long nothing was accepted or served.

Usage: tests/bench/upgrade.py [--connections 10000] [--upgrades 10] [--build build/release] [--json]

Both runs are of the same gateway, one after the other: compare them, not the numbers alone. Ends by
itself.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from memory import IdleClients  # noqa: E402
from servers import BenchError, Server, find_binary  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SECONDS_PER_UPGRADE = 1.0
UPGRADES_MAX = 200  # nobody reads what the processes print, and a pipe holds so much
PINGS = 50
RATE = 5000


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--upgrades", type=int, default=10)
    parser.add_argument("--build", default=os.path.join(ROOT, "build", "release"))
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if arguments.connections < 2 or not 1 <= arguments.upgrades <= UPGRADES_MAX:
        parser.error(f"--connections must be at least 2, --upgrades from 1 to {UPGRADES_MAX}")
    return arguments


class Operator:
    """Asks whichever process of the gateway serves."""

    def __init__(self, ctl, admin):
        self._command = [ctl, "--target", admin, "-o", "json"]

    def ask(self, *arguments):
        done = subprocess.run([*self._command, *arguments], capture_output=True, text=True,
                              check=False)
        if done.returncode != 0:
            raise BenchError(f"{' '.join(arguments)}: {done.stdout}{done.stderr}".strip())
        return json.loads(done.stdout)

    def end_gateway(self):
        os.kill(int(self.ask("info")["pid"]), signal.SIGTERM)


def steady(ctl, server, seconds, during=lambda: None):
    """Runs a ping-pong at a fixed rate; the percentiles of its latency in microseconds."""
    bench = subprocess.Popen(
        [ctl, "bench", server.address, "-c", str(PINGS), "-r", str(RATE), "--warmup", "1s",
         "-d", f"{seconds}s", "-o", "json"],
        stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    during()
    report = json.loads(bench.communicate()[0])
    if bench.returncode != 0 or report["errors"]["total"] or report["wrong_bytes"]:
        raise BenchError(f"the ping-pong failed: {report}")
    latency = report["latency"]
    return {name: latency[name] / 1000 for name in latency if name.endswith("nanoseconds")}


def measure(arguments):
    gateway = find_binary(arguments.build, "echogw", "build it first")
    ctl = find_binary(arguments.build, "echogwctl", "build it first")
    command = [gateway, "--reactors", "2", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0",
               "--metrics", "off", "--log-level", "warn", "--drain-quiet-period", "0s",
               "--drain-spread", "0s", "--drain-deadline", "5s"]
    cpus = ",".join(str(cpu) for cpu in sorted(os.sched_getaffinity(0)))
    seconds = arguments.upgrades * SECONDS_PER_UPGRADE + 1
    pauses, starts = [], []
    with Server("echogw", command, cpus, r"^ready$") as server:
        operator = Operator(ctl, server.admin)

        def upgrade():
            time.sleep(1)  # the warm-up
            for _ in range(arguments.upgrades):
                begun = time.monotonic()
                operation = operator.ask("upgrade", "--wait")["operation"]
                if operation["connections_moved"] < arguments.connections:
                    raise BenchError(f"not all have moved: {operation['message']}")
                pauses.append(float(operation["pause"].rstrip("s")) * 1000)
                starts.append(float(operation["phases"][0]["elapsed"].rstrip("s")) * 1000)
                time.sleep(max(0, SECONDS_PER_UPGRADE - (time.monotonic() - begun)))

        clients = IdleClients(server.address)
        try:
            clients.do("open", arguments.connections)
            without = steady(ctl, server, seconds)
            during = steady(ctl, server, seconds, upgrade)
            clients.do("use")
        finally:
            clients.close()
            operator.end_gateway()
    return {"connections": arguments.connections, "upgrades": arguments.upgrades,
            "without_us": without, "during_us": during, "pause_ms": pauses, "start_ms": starts}


def main():
    arguments = parse_arguments()
    try:
        result = measure(arguments)
    except BenchError as error:
        print(f"upgrade.py: {error}", file=sys.stderr)
        return 2
    if arguments.json:
        print(json.dumps(result))
        return 0
    pauses, starts = result["pause_ms"], result["start_ms"]
    print(f"{arguments.upgrades} upgrades of {arguments.connections} connections, {PINGS} of "
          f"{arguments.connections + PINGS} in a ping-pong at {RATE}/s")
    print(f"pause without accept or echo: median {sorted(pauses)[len(pauses) // 2]:.1f} ms, "
          f"longest {max(pauses):.1f} ms; start of the new process {sum(starts) / len(starts):.0f} ms")
    print(f"{'latency, us':24}{'without':>10}{'during':>10}")
    for name in result["without_us"]:
        print(f"{name.replace('_nanoseconds', ''):24}{result['without_us'][name]:10.0f}"
              f"{result['during_us'][name]:10.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
