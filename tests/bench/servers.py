"""The measured servers: starting, stopping, and their figures in /proc."""

import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time

START_SECONDS = 20
CPUCLOCK_SCHED = 2  # of the kernel's clock numbers: a process's clock is ~PID << 3 and this


class BenchError(Exception):
    """An error for the user to fix, with its description."""


class Server:
    """A server process pinned to one CPU, as a context manager."""

    def __init__(self, name, command, cpu, ready_line):
        self.name = name
        # A file, not a pipe, because nothing reads it while the server runs.
        self._errors = tempfile.TemporaryFile()
        # taskset, not an option of the server, so that all of its threads stay there.
        self.process = subprocess.Popen(
            ["taskset", "-c", str(cpu)] + command,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._errors)
        self.pid = self.process.pid
        try:
            self.address = self._wait_ready(ready_line)
        except BaseException:
            self.stop()
            raise

    def _wait_ready(self, ready_line):
        deadline = time.monotonic() + START_SECONDS
        text = ""
        output = self.process.stdout.fileno()
        while not re.search(ready_line, text, re.M):
            left = deadline - time.monotonic()
            readable, _, _ = select.select([output], [], [], max(left, 0))
            chunk = os.read(output, 65536) if readable else b""
            if not chunk:
                self._errors.seek(0)
                error = self._errors.read().decode(errors="replace").strip()
                raise BenchError(f"{self.name} did not become ready: {error or text.strip()}")
            text += chunk.decode(errors="replace")
        admin = re.search(r"^admin on (\S+)", text, re.M)
        self.admin = admin.group(1) if admin else ""
        found = re.search(r"^listening on (\S+)", text, re.M)
        if not found:
            raise BenchError(f"{self.name} printed no 'listening on HOST:PORT': {text.strip()}")
        return found.group(1)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()
        self._errors.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def cpu_nanoseconds(self):
        """CPU time of the process, user and system, as counted by the scheduler.

        The sum of /proc/PID/task/*/schedstat in one call, including threads that have ended.
        """
        clock = (~self.pid << 3) | CPUCLOCK_SCHED
        try:
            return time.clock_gettime_ns(clock)
        except OSError:
            raise BenchError(f"{self.name} has ended while it was measured")

    def open_files(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def memory(self):
        """{"Rss": bytes, "Anonymous": bytes, ...}. Exact, unlike VmRSS, which is kept per CPU."""
        fields = {}
        with open(f"/proc/{self.pid}/smaps_rollup") as file:
            for line in file:
                found = re.match(r"(\w+):\s+(\d+) kB", line)
                if found:
                    fields[found.group(1)] = int(found.group(2)) * 1024
        return fields

    def memory_by_file(self):
        """Resident bytes by mapped file name; "" for the heap, the stacks and the like."""
        by_file = {}
        name = ""
        with open(f"/proc/{self.pid}/smaps") as file:
            for line in file:
                head = re.match(r"[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \d+\s*(.*)", line)
                if head:
                    path = head.group(1).strip()
                    name = os.path.basename(path) if path.startswith("/") else ""
                elif line.startswith("Rss:"):
                    by_file[name] = by_file.get(name, 0) + int(line.split()[1]) * 1024
        return by_file


class CpuSampler:
    """Samples a server's CPU time every few milliseconds, to interpolate it for any moment.

    The client reports when its measured time began and ended.
    """

    PERIOD_SECONDS = 0.02

    def __init__(self, server):
        self._server = server
        self._samples = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._sample()
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        self._sample()

    def _sample(self):
        before = time.monotonic_ns()
        cpu = self._server.cpu_nanoseconds()
        self._samples.append(((before + time.monotonic_ns()) // 2, cpu))

    def _run(self):
        try:
            while not self._stop.wait(self.PERIOD_SECONDS):
                self._sample()
        except BenchError:
            pass  # the server has ended; the client reports it, and so does the last sample below

    def at(self, moment):
        """CPU nanoseconds at `moment` of CLOCK_MONOTONIC. Call after sampling has ended."""
        earlier = None
        for later in self._samples:
            if later[0] >= moment and earlier is not None:
                share = (moment - earlier[0]) / (later[0] - earlier[0])
                return earlier[1] + share * (later[1] - earlier[1])
            earlier = later
        raise BenchError("the client's measured time lies outside the time it was watched")


def run_script(main):
    """Exits with the result of `main`; a BenchError exits with 2 and one line."""
    try:
        sys.exit(main())
    except (BenchError, FileNotFoundError) as error:
        print(f"{os.path.basename(sys.argv[0])}: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


def find_binary(build, name, hint):
    path = os.path.join(build, name)
    if not os.access(path, os.X_OK):
        raise BenchError(f"{path} is missing; {hint}")
    return path


def raw_server(binary, cpu, name="raw"):
    return peer_server([binary], cpu, name)


def peer_server(command, cpu, name):
    return Server(name, command + ["0"], cpu, r"^listening on \S+\n")


def gateway_server(binary, cpus, extra, reactors=1, name="echogw"):
    """`cpus`: one, or a list such as "0,1"."""
    command = [binary, "--listen", "127.0.0.1:0", "--reactors", str(reactors),
               "--cpus", str(cpus), "--admin", "127.0.0.1:0", "--metrics", "127.0.0.1:0"] + extra
    return Server(name, command, cpus, r"^ready$")
