"""Goal: the image is as documented in deploy/README.md: small, unprivileged, sized by its CPUs,
checked for health, and drained on SIGTERM.
Method: deploy/Dockerfile is built and run by podman, on a Debian installed by mmdebstrap.
Compiling in the image takes minutes, so the binaries under test replace its build stage;
ECHOGW_IMAGE_FULL=1 compiles it.

Each container has its own network with loopback only, so the default ports are free.
"""

import json
import os
import signal
import subprocess
import sys
import unittest

from engine import BASE, SUITE, Engine, Unavailable
from harness import ECHOGW, ECHOGWCTL, ROOT, Process, wait_until

CACHE = os.environ.get("ECHOGW_IMAGE_CACHE", "")
FULL = os.environ.get("ECHOGW_IMAGE_FULL") == "1"
IMAGE = "localhost/echogw:test"
REVISION = "0123456789ab"
# The base is 126 MB, the rest 44 MB, mostly gRPC libraries.
SIZE_MAX = 200_000_000
HARDENED = ("--read-only", "--read-only-tmpfs=false", "--cap-drop", "ALL",
            "--security-opt", "no-new-privileges", "--memory", "256m")
# A drain that does not wait.
FAST = ("--env", "ECHOGW_DRAIN_QUIET_PERIOD=0s", "--env", "ECHOGW_DRAIN_SPREAD=0s")

engine = None


def setUpModule():
    global engine
    try:
        engine = Engine()
        unittest.addModuleCleanup(engine.close)
        engine.prepare(CACHE)
        options = ["--build-arg", f"REVISION={REVISION}", "--build-arg", f"DEBIAN={SUITE}"]
        if not FULL:
            options += ["--build-context", "build=" + prebuilt()]
        engine.build(os.path.join(ROOT, "deploy", "Dockerfile"), ROOT, IMAGE, *options)
    except Unavailable as why:
        raise unittest.SkipTest(str(why)) from None


def prebuilt():
    """A directory with the result of the build stage."""
    folder = engine.path("prebuilt")
    inside = os.path.join(folder, "out", "usr", "local", "bin")
    os.makedirs(inside)
    for binary in (ECHOGW, ECHOGWCTL):
        subprocess.run(["strip", "-o", os.path.join(inside, os.path.basename(binary)), binary],
                       check=True)
    return folder


class ImageCase(unittest.TestCase):
    maxDiff = None

    def podman(self, *arguments, expect=0):
        done = engine.podman(*arguments)
        self.assertEqual(done.returncode, expect,
                         f"podman {' '.join(arguments)}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def start(self, *options):
        """Starts a container, waits until its gateway is ready, and returns its name."""
        name = f"gw-{self.id().rsplit('.', 1)[-1]}-{len(self.started)}"
        self.started.append(name)
        self.podman("run", "--detach", "--name", name, "--network", "none", *options, IMAGE)

        def ready():
            logged = engine.podman("logs", name)
            if "ready" in logged.stdout.splitlines():
                return True
            self.assertTrue(engine.inspect(name)["State"]["Running"],
                            logged.stdout + logged.stderr)
            return False

        wait_until(ready, f"{name} is ready", 60)
        return name

    def setUp(self):
        self.started = []
        self.addCleanup(lambda: [engine.podman("rm", "--force", "--time", "0", name)
                                 for name in self.started])

    def pid(self, name):
        return engine.inspect(name)["State"]["Pid"]

    def ctl(self, name, *arguments, expect=0):
        return self.podman("exec", name, "echogwctl", *arguments, expect=expect)

    def status(self, name):
        with open(f"/proc/{self.pid(name)}/status", encoding="ascii") as file:
            return dict(line.rstrip("\n").split(":\t", 1) for line in file)

    def in_network(self, name, code):
        """Runs a Python program in the network of the container."""
        process = Process(["nsenter", f"--net=/proc/{self.pid(name)}/ns/net",
                           sys.executable, "-c", code])
        self.addCleanup(process.end)
        return process


class Contents(ImageCase):
    def test_what_it_declares(self):
        image = engine.inspect(IMAGE)
        config = image["Config"]
        self.assertEqual(config["User"], "65532:65532")
        self.assertEqual(config["Entrypoint"], ["echogw"])
        self.assertEqual(config["StopSignal"], "SIGTERM")
        self.assertEqual(sorted(config["ExposedPorts"]), ["7000/tcp", "7000/udp", "7002/tcp"])
        self.assertEqual(config["Labels"]["org.opencontainers.image.revision"], REVISION)
        self.assertIn("echogwctl health", image["Healthcheck"]["Test"][1])

    def test_size(self):
        size = engine.inspect(IMAGE)["Size"]
        base = engine.inspect(BASE)["Size"]
        print(f"\nthe image has {size / 1e6:.0f} MB, {(size - base) / 1e6:.0f} MB of them ours")
        self.assertLess(size, SIZE_MAX)

    def test_nothing_is_left_of_the_build(self):
        found = self.podman("run", "--rm", "--network", "none", "--entrypoint", "find", IMAGE,
                            "/src", "/tmp", "/var/lib/apt/lists", "/var/cache/apt/archives",
                            "-type", "f", "-size", "+0", expect=1)
        self.assertEqual(found, "")

    def test_binaries_are_root_s_and_ordinary(self):
        for binary in ("echogw", "echogwctl"):
            mode = self.podman("run", "--rm", "--network", "none", "--entrypoint", "stat", IMAGE,
                               "-c", "%a %U", f"/usr/local/bin/{binary}")
            self.assertEqual(mode, "755 root\n")

    def test_wrong_usage_ends_it_with_2(self):
        done = engine.podman("run", "--rm", "--network", "none", IMAGE, "--reactors", "nine")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("--reactors", done.stderr)

    def test_version(self):
        out = self.podman("run", "--rm", "--network", "none", IMAGE, "--version")
        self.assertRegex(out, r"^echogw \d+\.\d+\.\d+")
        if FULL:
            self.assertIn(REVISION, out)


class Confined(ImageCase):
    def test_needs_no_privilege(self):
        name = self.start(*HARDENED, *FAST)
        status = self.status(name)
        for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            self.assertEqual(int(status[kind], 16), 0, kind)
        self.assertEqual(status["NoNewPrivs"], "1")
        self.assertEqual(set(status["Uid"].split()), {"65532"})
        self.assertEqual(set(status["Gid"].split()), {"65532"})
        self.assertEqual(status["Groups"].split(), ["65532"])
        self.assertEqual(json.loads(self.ctl(name, "info", "-o", "json"))["pid"], 1)

    def test_root_is_read_only(self):
        name = self.start(*HARDENED, *FAST)
        with open(f"/proc/{self.pid(name)}/mountinfo", encoding="utf-8") as file:
            root = next(line.split() for line in file if line.split()[4] == "/")
        self.assertIn("ro", root[5].split(","))
        self.podman("exec", "--user", "0", name, "touch", "/file", expect=1)

    def test_echoes_within_its_memory(self):
        name = self.start(*HARDENED, *FAST)
        limit = self.podman("exec", name, "sh", "-c",
                            "cat /sys/fs/cgroup/memory.max 2>/dev/null || "
                            "cat /sys/fs/cgroup/memory/memory.limit_in_bytes")
        self.assertEqual(int(limit), 256 << 20)
        report = json.loads(self.ctl(name, "bench", "127.0.0.1:7000", "--connections", "200",
                                     "--size", "4KiB", "--messages", "20000", "-o", "json"))
        total = json.loads(self.ctl(name, "stats", "-o", "json"))["total"]
        self.assertGreaterEqual(total["connections_accepted"], 200, report)
        self.assertEqual(total["received_bytes"], total["sent_bytes"])
        self.assertGreaterEqual(total["received_bytes"], 20000 * 4096)
        self.assertFalse(engine.inspect(name)["State"]["OOMKilled"])

    def test_metrics_are_for_the_outside(self):
        name = self.start(*HARDENED, *FAST)
        reader = self.in_network(name, "import urllib.request as r; print(r.build_opener("
                                       "r.ProxyHandler({})).open('http://127.0.0.1:7002/metrics',"
                                       " timeout=20).read().decode())")
        self.assertEqual(reader.wait(60), 0, reader.err.text())
        self.assertRegex(reader.out.text(), r'(?m)^echogw_state\{state="serving"\} 1$')
        sockets = self.ctl(name, "info", "-o", "json")
        self.assertEqual(json.loads(sockets)["metrics_address"], "[::]:7002")
        self.assertEqual(json.loads(sockets)["admin_address"], "127.0.0.1:7001")


class Health(ImageCase):
    def check(self, name):
        return engine.podman("healthcheck", "run", name).returncode

    def test_follows_the_gateway(self):
        name = self.start(*HARDENED, *FAST)
        wait_until(lambda: self.check(name) == 0, "it is healthy", 60)
        self.ctl(name, "drain", "--quiet-period", "1h", "--quiet-max-wait", "1h",
                 "--deadline", "2h")
        wait_until(lambda: self.check(name) == 1, "a drain is seen", 60)
        self.ctl(name, "undrain")
        wait_until(lambda: self.check(name) == 0, "so is its end", 60)

    def test_finds_a_gateway_that_hangs(self):
        name = self.start(*HARDENED, *FAST)
        pid = self.pid(name)
        os.kill(pid, signal.SIGSTOP)
        self.addCleanup(os.kill, pid, signal.SIGCONT)
        self.assertEqual(self.check(name), 1)

    def test_finds_an_admin_address_of_the_users_choice(self):
        name = self.start(*HARDENED, *FAST, "--env", "ECHOGW_ADMIN=127.0.0.1:17001")
        wait_until(lambda: self.check(name) == 0, "it is healthy", 60)


class Stop(ImageCase):
    def test_sigterm_drains(self):
        name = self.start(*HARDENED, "--env", "ECHOGW_DRAIN_QUIET_PERIOD=100ms",
                          "--env", "ECHOGW_DRAIN_SPREAD=0s")
        client = self.in_network(name, """
import socket
with socket.create_connection(("127.0.0.1", 7000), 60) as client:
    client.sendall(b"ping")
    print(client.recv(4).decode(), flush=True)
    print("fin" if client.recv(1) == b"" else "data", flush=True)
""")
        self.assertIsNotNone(client.out.wait_for("ping", 60), client.err.text())
        self.podman("stop", "--time", "60", name)
        self.assertEqual(engine.inspect(name)["State"]["ExitCode"], 0)
        self.assertEqual(client.wait(60), 0, client.err.text())
        self.assertEqual(client.out.text().split(), ["ping", "fin"])
        logged = engine.podman("logs", name)
        self.assertRegex(logged.stderr, r"drain: drained: 1 connections closed, none reset")


class Upgrade(ImageCase):
    """PID 1 cannot be replaced by another process: it executes the binary in place."""

    def test_connections_survive_in_place(self):
        name = self.start(*HARDENED, *FAST)
        pid = self.pid(name)
        client = self.in_network(name, """
import re, socket, urllib.request
read = urllib.request.build_opener(urllib.request.ProxyHandler({})).open

def ping(client):
    client.sendall(b"ping")
    assert client.recv(4) == b"ping"

with socket.create_connection(("127.0.0.1", 7000), 60) as client:
    upgrades = -1
    while upgrades < 2:
        for _ in range(100):
            ping(client)
        text = read("http://127.0.0.1:7002/metrics", timeout=20).read().decode()
        upgrades = int(re.search(r"^echogw_upgrades_total (\\d+)$", text, re.M)[1])
        print("saw", upgrades, flush=True)
    ping(client)
""")
        self.assertIsNotNone(client.out.wait_for("saw 0", 60), client.err.text())
        for verb in ("upgrade", "reload"):
            operation = json.loads(self.ctl(name, verb, "--wait", "-o", "json"))["operation"]
            self.assertEqual(operation["result"], "OPERATION_RESULT_SUCCEEDED", operation)
            self.assertEqual(operation["connections_moved"], 1)
        self.assertEqual(client.wait(60), 0, client.err.text())
        self.assertEqual(self.pid(name), pid)
        self.podman("stop", "--time", "60", name)
        self.assertEqual(engine.inspect(name)["State"]["ExitCode"], 0)


class Reactors(ImageCase):
    """Number and CPUs of reactors follow the container, not the machine."""

    def cpus(self, *options):
        """The CPU that each reactor is pinned to; -1: not pinned."""
        name = self.start(*HARDENED, *FAST, *options)
        reactors = json.loads(self.ctl(name, "reactors", "-o", "json"))["reactors"]
        return [reactor["cpu"] for reactor in reactors]

    def test_follows_cpuset_and_quota(self):
        ours = sorted(os.sched_getaffinity(0))
        self.assertEqual(self.cpus(), ours)
        self.assertEqual(self.cpus("--cpuset-cpus", str(ours[-1])), [ours[-1]])
        # A quota is a share of all CPUs: pinned, all containers would use the first ones.
        shared = [-1] if len(ours) > 1 else ours
        self.assertEqual(self.cpus("--cpus", "0.5"), shared)
        self.assertEqual(self.cpus("--cpus", "1"), shared)
        if len(ours) == 2:
            self.assertEqual(self.cpus("--cpus", "1.5"), ours)


if __name__ == "__main__":
    unittest.main()
