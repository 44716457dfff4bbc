"""Goal: the units of deploy/systemd are valid, confine the service, and give it the time and
settings it needs. Method: systemd-analyze on copies that run the binary under test, and the text
of the units compared with the output of the gateway."""

import os
import re
import unittest

from documents_test import blocks
from harness import ECHOGW, ECHOGWCTL, EndToEnd, read, run

# In tenths, of 100. systemd calls up to 49 OK.
EXPOSURE_MAX = "20"


def values(text, key):
    return re.findall(rf"^{key}=(.*)$", text, re.M)


def seconds(text):
    number, unit = re.fullmatch(r"(\d+)(ms|s|min)", text).groups()
    return int(number) * {"ms": 0.001, "s": 1, "min": 60}[unit]


class Units(EndToEnd):
    def setUp(self):
        self.service, self.socket = (read("deploy", "systemd", name)
                                     for name in ("echogw.service", "echogw.socket"))

    def analyze(self, *arguments):
        tool = self.need_tool("systemd-analyze")
        folder = self.temporary_folder()
        # The binaries need not be installed.
        text = self.service.replace("/usr/local/bin/echogwctl", ECHOGWCTL)
        text = re.sub(r"^ExecStart=\S+", f"ExecStart={ECHOGW}", text, flags=re.M)
        for name, unit in (("echogw.service", text), ("echogw.socket", self.socket)):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(unit)
        names = [os.path.join(folder, a) if a.startswith("echogw.") else a
                 for a in arguments]
        return run(tool, "--no-pager", *names)

    def test_systemd_understands_every_line(self):
        result = self.analyze("verify", "echogw.service", "echogw.socket")
        self.assertEqual((result.code, result.out + result.err), (0, ""))

    def test_exposure(self):
        result = self.analyze("security", "--offline=true", f"--threshold={EXPOSURE_MAX}",
                              "echogw.service")
        self.assertEqual(result.code, 0, result)
        self.assertIn("Overall exposure level", result.out)

    def test_time_to_stop_exceeds_the_drain(self):
        config = run(ECHOGW, "--print-config").out
        deadline = seconds(re.search(r'^drain-deadline = "(.*?)"', config, re.M).group(1))
        self.assertGreater(seconds(values(self.service, "TimeoutStopSec")[0]), deadline + 10)

    def test_settings_are_the_gateway_s(self):
        settings = values(self.service, "Environment")
        self.assertTrue(settings)
        result = run(ECHOGW, "--print-config", env=dict(s.split("=", 1) for s in settings))
        self.assertEqual(result.code, 0, result)
        for setting in settings:
            self.assertIn(setting.split("=", 1)[0], result.out)

    def test_a_late_address_is_waited_for_and_a_wrong_setting_is_not(self):
        self.assertEqual(values(self.service, "StartLimitIntervalSec"), ["0"])
        self.assertEqual(values(self.service, "Restart"), ["on-failure"])
        final = {int(code) for code in values(self.service, "RestartPreventExitStatus")}
        late = run(ECHOGW, "--listen", "192.0.2.77:7000", "--admin", "127.0.0.1:0",
                   "--metrics", "off")
        self.assertNotIn(late.code, final | {0}, late)
        self.assertIn(run(ECHOGW, "--listen", "nonsense").code, final)

    def test_drop_ins_of_the_readme(self):
        """Keys that only root may read, and ports below 1024."""
        drop_ins = [block for block in blocks("deploy/README.md") if "[Service]" in block]
        self.assertEqual(len(drop_ins), 2)
        keys, ports = drop_ins
        self.assertEqual(values(self.service, "DynamicUser"), ["yes"])
        credential = values(keys, "    LoadCredential")[0].split(":")[0]
        self.assertIn(f"ECHOGW_TLS_KEY=%d/{credential}", values(keys, "    Environment"))
        for key in ("CapabilityBoundingSet", "AmbientCapabilities"):
            self.assertEqual(values(ports, "    " + key), ["CAP_NET_BIND_SERVICE"])
        # In a user namespace, the capability would not apply to the host.
        self.assertEqual(values(ports, "    PrivateUsers"), ["no"])
        self.service += "\n".join(line.strip() for line in (keys + ports).splitlines())
        result = self.analyze("verify", "echogw.service")
        self.assertEqual((result.code, result.out + result.err), (0, ""))

    def test_sockets_can_be_shared_by_reactors(self):
        self.assertEqual(values(self.socket, "ReusePort"), ["yes"])
        streams = values(self.socket, "ListenStream")
        self.assertGreater(len(streams), 1)
        # A port alone: systemd falls back to IPv4 on a host without IPv6.
        self.assertEqual(set(streams), {"7000"})
        self.assertEqual(values(self.socket, "Service"), ["echogw.service"])
        self.assertEqual(values(self.service, "Type"), ["notify"])


if __name__ == "__main__":
    unittest.main()
