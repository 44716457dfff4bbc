"""A Prometheus server for one test, on a port selected by the kernel."""

import json
import os
import urllib.error
import urllib.parse
import urllib.request

import yaml

from harness import wait_until


class PrometheusServer:
    """Runs until the test ends. `config` is the contents of prometheus.yml."""

    def __init__(self, test, config):
        binary = test.need_tool("prometheus")
        self.folder = test.temporary_folder()
        path = os.path.join(self.folder, "prometheus.yml")
        with open(path, "w", encoding="utf-8") as file:
            yaml.safe_dump(config, file)
        self._test = test
        self._process = test.process(
            binary, f"--config.file={path}", f"--storage.tsdb.path={self.folder}/data",
            "--web.listen-address=127.0.0.1:0", "--log.level=info")
        self._port = wait_until(self._listening_port, "prometheus listens")

    def _listening_port(self):
        """The port the process listens on; it prints only the configured one."""
        self._test.assertTrue(self._process.running(), self._process.err.text())
        inodes = set()
        for name in os.listdir(f"/proc/{self._process.pid}/fd"):
            try:
                inodes.add(os.readlink(f"/proc/{self._process.pid}/fd/{name}"))
            except FileNotFoundError:
                pass
        with open("/proc/net/tcp", encoding="ascii") as file:
            for line in file.readlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                    return int(fields[1].split(":")[1], 16)
        return None

    def ask(self, path, **parameters):
        """The data of an API response; None while the server is not up."""
        url = (f"http://127.0.0.1:{self._port}/api/v1/{path}?"
               + urllib.parse.urlencode(parameters, doseq=True))
        try:
            with urllib.request.urlopen(url, timeout=10) as response:
                return json.load(response)["data"]
        except urllib.error.HTTPError as error:
            if error.code in (400, 422):
                raise AssertionError(f"{parameters}: {error.read().decode()}") from None
            return None
        except OSError:
            return None

    def query(self, expression):
        """[(labels, value)] of the current samples."""
        data = self.ask("query", query=expression)
        if not data:
            return []
        return [(sample["metric"], float(sample["value"][1])) for sample in data["result"]]

    def value(self, expression):
        """The value of the first series; None without one."""
        found = self.query(expression)
        return found[0][1] if found else None

    def targets_are_up(self):
        data = self.ask("targets")
        return bool(data) and {t["health"] for t in data["activeTargets"]} == {"up"}
