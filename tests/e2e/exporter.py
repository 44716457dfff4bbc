"""A client of the exporter, with a strict parser of its text format."""

import http.client
import re

from harness import TIMEOUT, split_address

_SERIES = re.compile(r'^([a-z_]+)(?:\{([^}]*)\})? (\S+)$')
_LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')


def get(gateway, path, headers=None, timeout=TIMEOUT):
    """(status, headers, body) of a GET."""
    connection = http.client.HTTPConnection(*split_address(gateway.metrics), timeout=timeout)
    try:
        connection.request("GET", path, headers=headers or {})
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


class Scrape:
    """One scrape: types and help by family, values by (name, labels)."""

    def __init__(self, gateway):
        status, _, body = get(gateway, "/metrics")
        assert status == 200, status
        self.text = body.decode()
        self.types, self.help, self.values = {}, {}, {}
        for line in self.text.splitlines():
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                self.types[name] = kind
            elif line.startswith("# HELP "):
                _, _, name, text = line.split(" ", 3)
                self.help[name] = text
            else:
                name, labels, value = _SERIES.match(line).groups()
                key = (name, tuple(sorted(_LABEL.findall(labels or ""))))
                assert key not in self.values, f"{key} comes twice"
                self.values[key] = float(value)

    def total(self, name, **labels):
        """The sum of all series of `name` that have these labels."""
        wanted = set(labels.items())
        found = [v for (n, l), v in self.values.items() if n == name and wanted <= set(l)]
        assert found, f"no series {name} {labels}"
        return sum(found)

    def counters(self):
        return {k: v for k, v in self.values.items() if self.types.get(k[0]) == "counter"}
