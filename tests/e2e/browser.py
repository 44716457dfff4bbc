"""A headless Chromium, controlled by the DevTools protocol over a pipe, without a port, driver or
library. The requests and errors of the page are in `requests` and `faults`.
"""

import base64
import fcntl
import json
import os
import shutil
import subprocess
import tempfile
import threading

from harness import TIMEOUT, clean_environment

# The smallest first.
BINARIES = ("chromium-headless-shell", "chromium-shell", "chromium")
# A cold start on a busy machine is slow.
START = 3 * TIMEOUT

_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-default-apps", "--disable-dev-shm-usage", "--mute-audio", "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--hide-scrollbars",
    "--remote-debugging-pipe",
)


def find_browser():
    return next(filter(None, map(shutil.which, BINARIES)), None)


class Browser:
    """One page. Its process is ended by PID."""

    def __init__(self, binary):
        self._home = tempfile.mkdtemp(prefix="echogw-browser-")
        to_browser, self._to = os.pipe()
        self._from, from_browser = os.pipe()
        # High numbers, to keep 3 and 4 free, which the browser uses.
        ends = [fcntl.fcntl(fd, fcntl.F_DUPFD, 20) for fd in (to_browser, from_browser)]
        os.close(to_browser)
        os.close(from_browser)
        self._process = subprocess.Popen(
            ["bash", "-c", 'exec 3<&"$1" 4>&"$2"; shift 2; exec "$@"', "browser",
             *map(str, ends), binary, *_FLAGS, f"--user-data-dir={self._home}", "about:blank"],
            env=clean_environment({"HOME": self._home}), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, pass_fds=ends)
        for fd in ends:
            os.close(fd)
        self._changed = threading.Condition()
        self._answers, self._asked, self._ended = {}, 0, False
        self._session = None
        self.requests, self.faults, self._loads = [], [], 0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self._attach()
        except BaseException:
            self.end()
            raise

    def _attach(self):
        target = self.call("Target.createTarget", START, url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", START, targetId=target,
                                  flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log", "Audits"):
            self.call(f"{domain}.enable", START)

    def _read(self):
        rest = b""
        while part := os.read(self._from, 1 << 16):
            *whole, rest = (rest + part).split(b"\0")
            with self._changed:
                for message in map(json.loads, whole):
                    self._take(message)
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _take(self, message):
        if "id" in message:
            self._answers[message["id"]] = message
            return
        method, what = message.get("method"), message.get("params", {})
        if method == "Page.loadEventFired":
            self._loads += 1
        elif method == "Network.requestWillBeSent":
            self.requests.append(what["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.faults.append(("exception", json.dumps(what["exceptionDetails"])))
        elif method == "Runtime.consoleAPICalled" and what["type"] in ("error", "warning", "assert"):
            self.faults.append(("console", json.dumps(what["args"])))
        elif method == "Log.entryAdded" and what["entry"]["level"] in ("error", "warning"):
            entry = what["entry"]
            self.faults.append((entry["source"], f"{entry['text']} {entry.get('url', '')}"))
        elif method == "Audits.issueAdded":
            self.faults.append(("issue", json.dumps(what["issue"])))

    def call(self, method, timeout=TIMEOUT, **parameters):
        """The result of a protocol call."""
        with self._changed:
            self._asked += 1
            number = self._asked
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        try:
            os.write(self._to, json.dumps(message).encode() + b"\0")
        except BrokenPipeError:
            pass  # the reader notices that it ended
        with self._changed:
            answered = self._changed.wait_for(
                lambda: number in self._answers or self._ended, timeout)
            answer = self._answers.pop(number, None)
        if not answered or answer is None:
            raise AssertionError(f"the browser {'ended' if answered else 'did not answer'}: {method}")
        if "error" in answer:
            raise AssertionError(f"{method}: {answer['error']}")
        return answer["result"]

    def open(self, url):
        """Returns when the page and its resources are loaded."""
        with self._changed:
            loads = self._loads
        self.call("Page.navigate", START, url=url)
        with self._changed:
            if not self._changed.wait_for(lambda: self._loads > loads or self._ended, START):
                raise AssertionError(f"{url} was not loaded")

    def evaluate(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in result:
            raise AssertionError(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def look(self, width, height, dark=False):
        """Sets the window size in CSS pixels, and the colour scheme."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=width < 600)
        self.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def screenshot(self, path):
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))

    def end(self):
        self._process.kill()
        self._process.wait()
        os.close(self._to)
        # Its children may hold their end of the pipe a moment longer.
        self._reader.join(TIMEOUT)
        shutil.rmtree(self._home, ignore_errors=True)
