"""Fixtures of all end-to-end tests: the real binaries as processes.

Environment, set by ctest:
  ECHOGW_BIN, ECHOGWCTL_BIN  the binaries under test
  ECHOGW_PROTO_GEN           the directory of the generated Python stubs of the admin API
  ECHOGW_FAULT_SHIM          the library of fault_shim.cc; not set with sanitizers
  ECHOGW_E2E_SANITIZER       the -fsanitize= list of the build; widens memory and time limits
  ECHOGW_E2E_REQUIRE=1       a missing tool or permission is a failure, not a skip

A test starts processes with port 0 and reads the real ports from their output. It waits for
conditions, never for time to pass. Processes are ended by PID.
"""

import ctypes
import json
import os
import re
import resource
import select
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest

ECHOGW = os.environ.get("ECHOGW_BIN", "")
ECHOGWCTL = os.environ.get("ECHOGWCTL_BIN", "")
SANITIZER = os.environ.get("ECHOGW_E2E_SANITIZER", "")
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# Sanitized code is several times slower.
TIMEOUT = 60 if SANITIZER else 20

# A drain that does not wait for quiet and closes at once, for tests of something else.
FAST_DRAIN = {"--drain-quiet-period": "0s", "--drain-spread": "0s", "--drain-deadline": "2s"}

_PRCTL = ctypes.CDLL(None, use_errno=True).prctl
_PR_SET_CHILD_SUBREAPER = 36

# The output of a sanitizer or a failed CHECK.
_FAULT = re.compile(r"(ERROR|WARNING): \w+Sanitizer|runtime error:|CHECK failed|terminate called")


def read(*path):
    """The text of a file of the source tree."""
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


def wait_until(condition, what, timeout=TIMEOUT):
    """The first truthy value of condition(); fails with `what` after `timeout`."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {timeout} s: {what}")
        time.sleep(0.005)


def clean_environment(extra=None):
    """The environment without settings of echogw or echogwctl, plus `extra`."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("ECHOGW_")}
    env.update(extra or {})
    return env


class Lines:
    """Reads a pipe on its own thread, so that the writer never blocks."""

    def __init__(self, pipe):
        self._pipe = pipe
        self._lines = []
        self._ended = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        with self._pipe:
            for raw in self._pipe:
                with self._changed:
                    self._lines.append(raw.decode(errors="replace").rstrip("\n"))
                    self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def all(self):
        with self._changed:
            return list(self._lines)

    def text(self):
        return "\n".join(self.all())

    def wait_for(self, pattern, timeout=TIMEOUT):
        """The match of `pattern` in the first line that has one; None if the pipe ends first."""
        found = None

        def look():
            nonlocal found
            found = next((m for m in (re.search(pattern, line) for line in self._lines) if m), None)
            return found or self._ended

        with self._changed:
            if not self._changed.wait_for(look, timeout):
                raise AssertionError(f"no line with '{pattern}' in {timeout} s:\n"
                                     + "\n".join(self._lines))
        return found

    def join(self, timeout=TIMEOUT):
        self._thread.join(timeout)


class Process:
    """A child process with its collected output."""

    def __init__(self, command, env=None, pass_fds=()):
        self.command = command
        self._process = subprocess.Popen(
            command, env=clean_environment(env), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=pass_fds)
        self.pid = self._process.pid
        self.out = Lines(self._process.stdout)
        self.err = Lines(self._process.stderr)

    def running(self):
        return self._process.poll() is None

    def signal(self, number):
        self._process.send_signal(number)

    def wait(self, timeout=TIMEOUT):
        """The exit code."""
        try:
            code = self._exit_code(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.command} still runs after {timeout} s; it wrote:\n"
                                 f"{self.out.text()}\n{self.err.text()}") from None
        self.out.join()
        self.err.join()
        return code

    def _exit_code(self, timeout):
        return self._process.wait(timeout)

    def end(self):
        """Stops it if it is running, after 10 s with SIGKILL; returns the exit code."""
        if self.running():
            self.signal(signal.SIGTERM)
            try:
                self._exit_code(10)
            except subprocess.TimeoutExpired:
                self.signal(signal.SIGKILL)
        return self.wait()


class Gateway(Process):
    """echogw on ports selected by the kernel, ready to serve."""

    def __init__(self, *flags, listen=("127.0.0.1:0",), admin="127.0.0.1:0",
                 metrics="127.0.0.1:0", reactors=2, env=None, files=None, prefix=(),
                 pass_fds=()):
        command = [ECHOGW, "--cpus", "none", "--admin", admin, "--metrics", metrics]
        if reactors is not None:
            command += ["--reactors", str(reactors)]
        for address in listen:
            command += ["--listen", address]
        if files is not None:
            prefix = ("prlimit", f"--nofile={files}:{files}", *prefix)
        for flag, value in FAST_DRAIN.items():
            if flag not in flags:
                command += [flag, value]
        self._pidfd = None
        self._code = None
        # A process that follows it by an upgrade becomes a child of this one.
        _PRCTL(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        # The prefix changes the environment and then executes echogw with the same PID.
        super().__init__([*prefix, *command, *flags], env, pass_fds)
        try:
            if self.out.wait_for(r"^ready$") is None:
                raise AssertionError(f"{self.command} ended with {self.wait()}:\n"
                                     f"{self.err.text()}")
        except BaseException:
            self.signal(signal.SIGKILL)
            self.wait()
            raise
        text = self.out.text()
        self.listen = re.findall(r"^listening on (\S+)$", text, re.M)
        self.admin = re.search(r"^admin on (\S+)$", text, re.M).group(1)
        metrics_url = re.search(r"^metrics on https?://(\S+)/metrics$", text, re.M)
        self.metrics = metrics_url.group(1) if metrics_url else ""
        unix = "unix:" in self.listen[0]
        self.address = None if unix else split_address(self.listen[0])

    @property
    def target(self):
        return self.listen[0]

    def follow(self, pid):
        """From here on this is the process `pid`, by which the gateway has replaced itself. The one
        before must have ended cleanly, or end soon."""
        if pid == self.pid:
            return
        code = super()._exit_code(TIMEOUT) if self._pidfd is None else self._exit_code(TIMEOUT)
        if code != 0:
            raise AssertionError(f"process {self.pid} ended with {code}:\n{self.err.text()}")
        self.pid = pid
        self._code = None
        self._pidfd = os.pidfd_open(pid)

    def running(self):
        if self._pidfd is None:
            return super().running()
        return self._code is None and not select.select([self._pidfd], [], [], 0)[0]

    def signal(self, number):
        if self._pidfd is None:
            super().signal(number)
        else:
            signal.pidfd_send_signal(self._pidfd, number)

    def _exit_code(self, timeout):
        if self._pidfd is None:
            return super()._exit_code(timeout)
        if self._code is None:
            if not select.select([self._pidfd], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.command, timeout)
            ended = os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED)
            self._code = ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status
            os.close(self._pidfd)
        return self._code

    def drained(self):
        """Ends it with SIGTERM; fails unless it exits cleanly."""
        self.signal(signal.SIGTERM)
        code = self.wait()
        if code != 0 or _FAULT.search(self.err.text()):
            raise AssertionError(f"echogw ended with {code}:\n{self.err.text()}")

    def resident_bytes(self):
        with open(f"/proc/{self.pid}/statm") as file:
            return int(file.read().split()[1]) * resource.getpagesize()

    def open_files(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))


def split_address(text):
    """("127.0.0.1", 7000) of "127.0.0.1:7000", ("::1", 7000) of "[::1]:7000"."""
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


class Result:
    """The result of a command."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def json(self):
        return json.loads(self.out)

    def __repr__(self):
        return f"exit {self.code}\nstdout: {self.out}\nstderr: {self.err}"


def run(*command, env=None, timeout=TIMEOUT):
    done = subprocess.run(command, env=clean_environment(env), stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=timeout, check=False)
    return Result(done.returncode, done.stdout.decode(errors="replace"),
                  done.stderr.decode(errors="replace"))


class EndToEnd(unittest.TestCase):
    """Starts gateways and checks that each one ends cleanly."""

    maxDiff = None

    def gateway(self, *flags, **options):
        gateway = Gateway(*flags, **options)
        self.addCleanup(self._end, gateway)
        return gateway

    def _end(self, gateway):
        try:
            # A test that ended it has checked the exit code.
            if gateway.running():
                gateway.drained()
            self.assertNotRegex(gateway.err.text(), _FAULT)
        finally:
            gateway.end()

    def temporary_folder(self):
        """A directory that is removed after the test."""
        folder = tempfile.TemporaryDirectory(prefix="echogw-e2e-")
        self.addCleanup(folder.cleanup)
        return folder.name

    def process(self, *command, env=None, pass_fds=()):
        process = Process(list(command), env, pass_fds)
        self.addCleanup(process.end)
        return process

    def ctl(self, gateway, *arguments, expect=0, timeout=TIMEOUT):
        """Runs echogwctl against the gateway; fails unless it exits with `expect`, if that is set.
        """
        result = run(ECHOGWCTL, "--target", gateway.admin, *arguments, timeout=timeout)
        if expect is not None:
            self.assertEqual(result.code, expect, f"echogwctl {' '.join(arguments)}: {result}")
        return result

    def ctl_json(self, gateway, *arguments, expect=0, timeout=TIMEOUT):
        return self.ctl(gateway, *arguments, "-o", "json", expect=expect, timeout=timeout).json()

    def pid_of(self, gateway):
        """Of the process that serves: after an upgrade, another one."""
        return int(self.ctl_json(gateway, "info")["pid"])

    def stats(self, gateway):
        return self.ctl_json(gateway, "stats")

    def drain_into_quiet(self, gateway):
        """Starts a drain that waits for quiet longer than any test runs."""
        self.ctl(gateway, "drain", "--quiet-period", "1h", "--quiet-max-wait", "1h",
                 "--deadline", "2h")

    def need_tool(self, name):
        """The path of a tool; skips the test if it is missing (see `unmet`)."""
        path = shutil.which(name)
        if path is None:
            self.unmet(f"{name} is not installed; its package is in deploy/packages.txt")
        return path

    def unmet(self, message):
        """Skips the test; fails it if ECHOGW_E2E_REQUIRE is set."""
        if os.environ.get("ECHOGW_E2E_REQUIRE") == "1":
            self.fail(message)
        self.skipTest(message)

    def need_files(self, count):
        """Allows this process and its children to open `count` files; skips if not permitted."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != resource.RLIM_INFINITY and soft < count:
            if hard != resource.RLIM_INFINITY and hard < count:
                self.unmet(f"needs {count} open files, the limit is {hard} (ulimit -Hn)")
            resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))

    def one_line(self, text, *parts):
        """Asserts that `text` is one line that contains all `parts`."""
        self.assertEqual(len(text.strip().splitlines()), 1, text)
        for part in parts:
            self.assertIn(part, text)
