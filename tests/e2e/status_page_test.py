"""Goal: the status page shows live, correct data in every width and colour scheme, and shows when
it cannot. Method: a headless Chromium, inspected through its DOM; real clients and operators.

With ECHOGW_E2E_SHOTS=DIRECTORY, each test leaves screenshots there.
"""

import os
import random
import re
import signal
import socket
import threading
import unittest

from admin_api import Admin, code_of, grpc
from browser import BINARIES, Browser, find_browser
from exporter import get
from harness import EndToEnd, wait_until
from wire import Crowd

# The visible contents of the page.
SEEN = """(() => {
  const text = (node) => node ? node.innerText.trim() : "";
  const of = (id) => text(document.getElementById(id));
  const rows = (id) => [...document.querySelectorAll(`#${id} tbody tr`)].map(
      (row) => [...row.cells].map(text));
  return {title: document.title, state: of("state"), meaning: of("meaning"), lost: of("lost"),
          version: of("version"), revision: of("revision"), uptime: of("uptime"),
          connections: of("connections"), messages: of("messages"), received: of("received"),
          sent: of("sent"), accepts: of("accepts"), note: of("reactors-note"),
          reactors: rows("reactors"), events: rows("events"), body: text(document.body)};
})()"""
CPU, STATE, WEIGHT, CONNECTIONS, ACCEPTS, MESSAGES, BUSY, QUEUE = range(1, 9)
KIND, WHO, RESULT = range(1, 4)


def amount(text):
    """The number of "1.25k" or "3.1 MiB/s"; None of a dash."""
    match = re.match(r"([0-9.]+) ?([kMGTPE]?)", text)
    return float(match[1]) * 1000 ** " kMGTPE".index(match[2] or " ") if match else None


class PageCase(EndToEnd):
    def browse(self, gateway, width=1280, height=900, dark=False):
        binary = find_browser()
        if binary is None:
            self.unmet(f"none of {', '.join(BINARIES)} is installed; Debian's packages are in "
                       "deploy/packages.txt")
        self.browser = Browser(binary)
        self.addCleanup(self.browser.end)
        self.browser.look(width, height, dark)
        self.browser.open(f"http://{gateway.metrics}/")
        return self.browser

    def seen(self, condition, what):
        """The contents of the page once `condition` holds for it."""
        last = {}

        def look():
            last.update(self.browser.evaluate(SEEN))
            return condition(last)

        try:
            wait_until(look, what)
        except AssertionError as error:
            raise AssertionError(f"{error}; the page shows {last}") from None
        return last

    def shot(self, name):
        folder = os.environ.get("ECHOGW_E2E_SHOTS")
        if folder:
            self.browser.screenshot(os.path.join(folder, f"{name}.png"))

    def no_fault(self, *allowed):
        """No request went to another host, and there were no errors but from the allowed
        sources."""
        found = [fault for fault in self.browser.faults if fault[0] not in allowed]
        self.assertEqual(found, [])

    def asked_only(self, gateway):
        hosts = {re.sub(r"^http://([^/]*)/.*", r"\1", url) for url in self.browser.requests}
        self.assertEqual(hosts, {gateway.metrics}, self.browser.requests)


class Live(PageCase):
    def test_follows_the_gateway(self):
        gateway = self.gateway(reactors=2)
        self.browse(gateway)
        first = self.seen(lambda s: len(s["reactors"]) == 2 and s["events"], "two reactors")
        info = self.ctl_json(gateway, "info")
        self.assertEqual((first["version"], first["revision"]),
                         (info["version"], info["revision"] or "unknown"))
        self.assertEqual((first["state"], first["title"]), ("serving", "serving - echogw"))
        self.assertEqual([r[CPU] for r in first["reactors"]], ["any", "any"])
        self.assertEqual({r[STATE] for r in first["reactors"]}, {"serving"})
        self.assertEqual(first["events"][-1][KIND:], ["state", "gateway", "the gateway is serving"])

        with Crowd(gateway.address, 5) as crowd, self.traffic(crowd):
            busy = self.seen(lambda s: s["connections"] == "5" and amount(s["messages"])
                             and amount(s["received"]) and amount(s["sent"])
                             and all(amount(r[MESSAGES]) for r in s["reactors"]
                                     if r[CONNECTIONS] != "0"), "traffic on all connections")
            shown = [int(r[CONNECTIONS]) for r in busy["reactors"]]
            self.assertEqual(sum(shown), 5)
            for row in busy["reactors"]:
                self.assertRegex(row[BUSY], r"^\d+ %$")
                self.assertEqual((row[WEIGHT], row[QUEUE]), ("1", "0"))
            # The bar of the busiest reactor fills its cell.
            bars = self.browser.evaluate(
                "[...document.querySelectorAll('.load i')].map((i) => i.style.width)")
            self.assertEqual(bars, [f"{100 * n / max(shown):g}%" for n in shown])

            self.ctl(gateway, "resize", "4", "--wait")
            grown = self.seen(lambda s: len(s["reactors"]) == 4 and len(s["events"]) == 3,
                              "four reactors and the events of the resize")
            self.assertEqual([r[0] for r in grown["reactors"]], ["0", "1", "2", "3"])
            self.assertEqual([e[KIND] for e in grown["events"]], ["resize", "resize", "state"])
            self.assertIn("127.0.0.1:", " ".join(e[WHO] for e in grown["events"]))
            self.assertIn("resize to 4 reactors", " ".join(e[RESULT] for e in grown["events"]))

            self.ctl(gateway, "drain", "--reactor", "1", "--wait")
            self.seen(lambda s: s["reactors"][1][STATE] == "drained"
                      and s["reactors"][1][CONNECTIONS] == "0", "reactor 1 is drained")
            self.shot("desktop")
            self.ctl(gateway, "undrain", "--reactor", "1")
            self.ctl(gateway, "resize", "1", "--wait")
            self.seen(lambda s: len(s["reactors"]) == 1 and "parked: 1-3" in s["note"], "one left")

            self.drain_into_quiet(gateway)
            self.seen(lambda s: s["state"] == "quiet" and "draining" in s["meaning"]
                      and s["title"] == "quiet - echogw", "the gateway drains")
            self.ctl(gateway, "undrain")
            self.seen(lambda s: s["state"] == "serving", "it serves again")
        self.seen(lambda s: s["connections"] == "0", "all are gone")
        self.no_fault()
        self.asked_only(gateway)

    def traffic(self, crowd):
        """Sends messages on all connections until the end of the block; fails if one is lost."""
        stop = threading.Event()
        test = self

        class Running:
            def __enter__(self):
                self.fault = None
                self.thread = threading.Thread(target=self.run)
                self.thread.start()

            def run(self):
                try:
                    while not stop.is_set():
                        test.assertEqual(crowd.echo(), len(crowd.clients))
                except (OSError, AssertionError) as error:
                    self.fault = error

            def __exit__(self, *_):
                stop.set()
                self.thread.join()
                test.assertIsNone(self.fault)

        return Running()

    def test_texts_of_strangers_stay_texts(self):
        gateway = self.gateway(reactors=1)
        hostile = ("<script>document.title='owned'</script><img src=x onerror=\"document.title="
                   "'owned'\">'\"&amp;" + "w" * 300)
        admin = Admin(gateway)
        self.addCleanup(admin.close)
        with code_of(self, grpc.StatusCode.INVALID_ARGUMENT):
            admin.call("SetLogLevel", level=hostile)
        self.browse(gateway, 360, 740)
        seen = self.seen(lambda s: len(s["events"]) == 2, "the event")
        self.assertIn(hostile, seen["events"][0][RESULT])
        self.assertIn("warning", seen["events"][0][RESULT])
        self.assertEqual(seen["title"], "serving - echogw")
        self.assertEqual(self.browser.evaluate("document.images.length"), 0)
        self.assertEqual(self.browser.evaluate("document.scripts.length"), 1)
        self.fits(360)
        self.shot("strangers")
        self.no_fault()

    def fits(self, width):
        self.assertEqual(self.browser.evaluate("window.innerWidth"), width)
        self.assertLessEqual(
            self.browser.evaluate("document.scrollingElement.scrollWidth"), width)

    def test_fits_every_width_in_both_schemes(self):
        gateway = self.gateway(reactors=5)
        self.ctl(gateway, "resize", "3", "--wait")
        self.ctl(gateway, "steer", "0=1000", "1=0")
        self.browse(gateway)
        with Crowd(gateway.address, 7) as crowd, self.traffic(crowd):
            self.seen(lambda s: s["connections"] == "7" and amount(s["messages"])
                      and amount(s["reactors"][0][WEIGHT]) == 1000, "traffic")
            backgrounds = set()
            for dark in (False, True):
                for width in (320, 360, 480, 735, 736, 800, 1280):
                    self.browser.look(width, 740, dark)
                    self.fits(width)
                    self.shot(f"{'dark' if dark else 'light'}-{width}")
                backgrounds.add(self.browser.evaluate(
                    "getComputedStyle(document.body).backgroundColor"))
            self.assertEqual(len(backgrounds), 2, backgrounds)
        self.no_fault()

    def test_says_something_without_scripts(self):
        gateway = self.gateway(reactors=3)
        browser = self.browse(gateway)
        browser.call("Emulation.setScriptExecutionDisabled", value=True)
        browser.open(f"http://{gateway.metrics}/")
        with Crowd(gateway.address, 2):
            wait_until(lambda: self.stats(gateway)["total"]["connections_active"] == 2, "clients")
            wait_until(lambda: b'<dd id="connections">2</dd>' in get(gateway, "/")[2], "two")
            browser.open(f"http://{gateway.metrics}/")
            seen = browser.evaluate(SEEN)
        self.shot("without-scripts")
        self.assertIn("Without JavaScript", seen["body"])
        self.assertEqual((seen["state"], seen["connections"], seen["note"]),
                         ("serving", "2", "3 running"))
        self.no_fault()


class Lost(PageCase):
    def gateway_at_a_lasting_port(self):
        """A gateway whose exporter can restart: no client connection may use its port."""
        with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
            below = int(file.read().split()[0])
        for _ in range(20):
            port = random.randrange(max(below // 2, 1024), below)
            with socket.socket() as probe:
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    continue
            return self.gateway(metrics=f"127.0.0.1:{port}")
        raise AssertionError("no port is free")

    def test_says_so_and_comes_back_by_itself(self):
        gateway = self.gateway_at_a_lasting_port()
        self.browse(gateway)
        self.seen(lambda s: s["state"] == "serving" and len(s["reactors"]) == 2, "it serves")
        self.no_fault()

        gateway.signal(signal.SIGSTOP)
        try:
            self.seen(lambda s: s["state"] == "lost" and "no response within 3 s" in s["lost"],
                      "the page is stopped")
        finally:
            gateway.signal(signal.SIGCONT)
        self.seen(lambda s: s["state"] == "serving" and s["lost"] == "", "the page continues")

        gateway.signal(signal.SIGKILL)
        gateway.wait()
        lost = self.seen(lambda s: s["state"] == "lost" and "unreachable" in s["lost"]
                         and re.search(r"is [1-9]\d* s old; the gateway was serving",
                                       s["lost"]), "it is gone")
        self.assertEqual((lost["title"], len(lost["reactors"])), ("lost - echogw", 2))
        self.shot("lost")

        again = self.gateway(metrics=gateway.metrics, reactors=3)
        back = self.seen(lambda s: s["state"] == "serving" and len(s["reactors"]) == 3,
                         "it is back")
        self.assertEqual((back["lost"], back["title"]), ("", "serving - echogw"))
        # The browser's messages about an outage are not errors of the page.
        self.no_fault("network")
        self.asked_only(again)


if __name__ == "__main__":
    unittest.main()
