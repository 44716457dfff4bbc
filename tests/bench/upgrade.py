#!/usr/bin/python3
"""What an upgrade costs clients: the latency of a steady ping-pong without and with upgrades, beside
idle connections that move, and how long nothing was accepted or served.

Usage: tests/bench/upgrade.py [--connections 10000] [--upgrades 10] [--build build/release] [--json]

Both runs are of the same gateway, one after the other: compare them, not the numbers alone. Needs as
many open files as there are connections, and ends by itself.
"""

import argparse
import json
import os
import re
import resource
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SECONDS_PER_UPGRADE = 1.0
PINGS = 50
RATE = 5000
# One address has some 28,000 source ports.
SOURCES = [f"127.0.0.{i}" for i in range(2, 12)]


def wait_for_line(path, pattern, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with open(path, encoding="utf-8") as file:
            found = re.search(pattern, file.read(), re.M)
        if found:
            return found
        time.sleep(0.01)
    sys.exit(f"no '{pattern}' in {path}")


class Gateway:
    def __init__(self, build, folder):
        self.ctl_binary = os.path.join(build, "echogwctl")
        self._log = os.path.join(folder, "gateway.log")
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(
                [os.path.join(build, "echogw"), "--reactors", "2", "--listen", "127.0.0.1:0",
                 "--admin", "127.0.0.1:0", "--metrics", "off", "--log-level", "warn"],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self.address = wait_for_line(self._log, r"^listening on (\S+)$")[1]
        self._admin = wait_for_line(self._log, r"^admin on (\S+)$")[1]
        wait_for_line(self._log, r"^ready$")

    def ctl(self, *arguments):
        done = subprocess.run([self.ctl_binary, "--target", self._admin, *arguments, "-o", "json"],
                              capture_output=True, check=False)
        if done.returncode != 0:
            sys.exit(f"{arguments}: {done.stdout.decode()}{done.stderr.decode()}")
        return json.loads(done.stdout)

    def end(self):
        os.kill(int(self.ctl("info")["pid"]), 15)
        self._process.wait()


def hold(address, count):
    """Idle connections."""
    host, port = address.rsplit(":", 1)
    held = []
    for i in range(count):
        client = socket.socket()
        client.bind((SOURCES[i % len(SOURCES)], 0))
        client.connect((host, int(port)))
        held.append(client)
    return held


def steady(gateway, seconds, during=lambda: None):
    """Runs a ping-pong at a fixed rate; the percentiles of its latency in microseconds."""
    bench = subprocess.Popen(
        [gateway.ctl_binary, "bench", gateway.address, "-c", str(PINGS), "-r", str(RATE),
         "--warmup", "1s", "-d", f"{seconds}s", "-o", "json"],
        stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    during()
    report = json.loads(bench.communicate()[0])
    if bench.returncode != 0 or report["errors"]["total"] or report["wrong_bytes"]:
        sys.exit(f"the ping-pong failed: {report}")
    latency = report["latency"]
    return {name: latency[name] / 1000 for name in latency if name.endswith("nanoseconds")}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--upgrades", type=int, default=10)
    parser.add_argument("--build", default=os.path.join(ROOT, "build", "release"))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = options.connections + 1000
    if hard != resource.RLIM_INFINITY and hard < wanted:
        sys.exit(f"needs {wanted} open files, the limit is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))

    seconds = options.upgrades * SECONDS_PER_UPGRADE + 1
    pauses, starts = [], []
    with tempfile.TemporaryDirectory(prefix="echogw-bench-") as folder:
        gateway = Gateway(options.build, folder)
        held = hold(gateway.address, options.connections)
        without = steady(gateway, seconds)

        def upgrade():
            time.sleep(1)  # the warm-up
            for _ in range(options.upgrades):
                begun = time.monotonic()
                operation = gateway.ctl("upgrade", "--wait")["operation"]
                if operation["connections_moved"] < options.connections:
                    sys.exit(f"not all have moved: {operation['message']}")
                pauses.append(float(operation["pause"].rstrip("s")) * 1000)
                starts.append(float(operation["phases"][0]["elapsed"].rstrip("s")) * 1000)
                time.sleep(max(0, SECONDS_PER_UPGRADE - (time.monotonic() - begun)))

        during = steady(gateway, seconds, upgrade)
        for client in held:
            client.send(b"x")
            if client.recv(1) != b"x":
                sys.exit("a connection was lost")
            client.close()
        gateway.end()
    result = {"connections": options.connections, "upgrades": options.upgrades,
              "without_us": without, "during_us": during, "pause_ms": pauses, "start_ms": starts}
    if options.json:
        print(json.dumps(result))
        return
    print(f"{options.upgrades} upgrades of {options.connections} connections, {PINGS} of "
          f"{options.connections + PINGS} in a ping-pong at {RATE}/s")
    print(f"pause without accept or echo: median {sorted(pauses)[len(pauses) // 2]:.1f} ms, "
          f"longest {max(pauses):.1f} ms; start of the new process {sum(starts) / len(starts):.0f} ms")
    print(f"{'latency, us':24}{'without':>10}{'during':>10}")
    for name in without:
        print(f"{name.replace('_nanoseconds', ''):24}{without[name]:10.0f}{during[name]:10.0f}")


if __name__ == "__main__":
    main()
