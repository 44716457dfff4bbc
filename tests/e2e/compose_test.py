"""Goal: deploy/compose.yaml matches the image, the gateway and the files it mounts. Method: every
reference in its YAML is resolved, and the settings are tried on the real gateway; docker-compose
checks the syntax if it is installed."""

import os
import re
import unittest

import yaml

from harness import ECHOGW, ROOT, EndToEnd, read, run

DEPLOY = os.path.join(ROOT, "deploy")
COMPOSE = os.path.join(DEPLOY, "compose.yaml")


def ports(service):
    """{container port: (host address, host port)}"""
    found = {}
    for text in service["ports"]:
        address, outside, inside = re.fullmatch(r"(?:([\d.]+):)?(\d+):(\d+)", text).groups()
        found[int(inside)] = (address, int(outside))
    return found


class Compose(EndToEnd):
    def setUp(self):
        self.file = yaml.safe_load(read("deploy", "compose.yaml"))
        self.services = self.file["services"]
        self.gateway_service = self.services["gateway"]

    def mounts(self, service):
        """{container path: host path}, without named volumes."""
        found = {}
        for text in self.services[service].get("volumes", []):
            outside, inside, *mode = text.split(":")
            if not outside.startswith("."):
                self.assertIn(outside, self.file["volumes"])
                continue
            # On a host with SELinux, a container reads only relabelled files.
            self.assertEqual(mode, ["ro,z"], text)
            found[inside] = os.path.normpath(os.path.join(DEPLOY, outside))
            self.assertTrue(os.path.isdir(found[inside]), text)
        return found

    def outside(self, service, path):
        """The file of the source tree that the service has at `path`."""
        for inside, outside in self.mounts(service).items():
            if path == inside or path.startswith(inside + "/"):
                return outside + path[len(inside):]
        raise AssertionError(f"{service} sees no {path}")

    def test_docker_compose_takes_it(self):
        tool = self.need_tool("docker-compose")
        checked = run(tool, "-f", COMPOSE, "--profile", "grafana", "config", "--services")
        self.assertEqual(checked.code, 0, checked)
        self.assertEqual(set(checked.out.split()), {"gateway", "prometheus", "grafana"})

    def test_grafana_is_for_those_who_ask(self):
        self.assertEqual({name: service.get("profiles", []) for name, service
                          in self.services.items()},
                         {"gateway": [], "prometheus": [], "grafana": ["grafana"]})

    def test_image_and_ports(self):
        build = self.gateway_service["build"]
        self.assertEqual(os.path.normpath(os.path.join(DEPLOY, build["context"])), ROOT)
        dockerfile = read(build["dockerfile"])
        for argument in build["args"]:
            self.assertRegex(dockerfile, rf"(?m)^ARG {argument}\b")
        # UDP is off by default.
        exposed = {int(p.removesuffix("/tcp")) for p
                   in re.search(r"(?m)^EXPOSE (.+)$", dockerfile).group(1).split()
                   if not p.endswith("/udp")}
        self.assertEqual(set(ports(self.gateway_service)), exposed)
        # Clients may connect from anywhere; all other ports stay on this machine.
        for name, service in self.services.items():
            for inside, (address, _) in ports(service).items():
                self.assertEqual(address, None if (name, inside) == ("gateway", 7000)
                                 else "127.0.0.1", name)
        self.assertTrue(self.gateway_service["read_only"])
        self.assertEqual(self.gateway_service["cap_drop"], ["ALL"])
        self.assertEqual(self.gateway_service["security_opt"], ["no-new-privileges:true"])

    def test_settings_are_known_and_leave_time(self):
        # ${NAME:-default}
        settings = {key: re.sub(r"\$\{\w+:-(.*)\}", r"\1", value)
                    for key, value in self.gateway_service["environment"].items()}
        shown = run(ECHOGW, "--print-config", env=settings)
        self.assertEqual((shown.code, shown.err), (0, ""), shown)
        for variable in settings:
            self.assertIn(f"# {variable}", shown.out)
        deadline = re.search(r'^drain-deadline = "(\d+)s"', shown.out, re.M).group(1)
        grace = re.fullmatch(r"(\d+)s", self.gateway_service["stop_grace_period"]).group(1)
        self.assertGreater(int(grace), int(deadline))

    def test_prometheus_finds_its_files_and_the_gateway(self):
        service = self.services["prometheus"]
        flag = next(f for f in service["command"] if f.startswith("--config.file="))
        path = flag.split("=")[1]
        config = yaml.safe_load(read(self.outside("prometheus", path)))
        for name in config["rule_files"]:
            self.assertTrue(os.path.isfile(
                self.outside("prometheus", os.path.join(os.path.dirname(path), name))), name)
        targets = {target for job in config["scrape_configs"]
                   for group in job["static_configs"] for target in group["targets"]}
        own = next(iter(ports(service)))
        self.assertEqual(targets, {"gateway:7002", f"localhost:{own}"})
        self.assertIn(7002, ports(self.gateway_service))

    def test_grafana_finds_its_files_and_prometheus(self):
        service = self.services["grafana"]
        provisioning = "/etc/grafana/provisioning"
        sources = yaml.safe_load(read(
            self.outside("grafana", provisioning + "/datasources/prometheus.yml")))
        source = sources["datasources"][0]
        own = next(iter(ports(self.services["prometheus"])))
        self.assertEqual(source["url"], f"http://prometheus:{own}")
        scraped = yaml.safe_load(read("deploy", "prometheus", "prometheus.yml"))["global"]
        self.assertEqual(source["jsonData"]["timeInterval"], scraped["scrape_interval"])
        dashboards = yaml.safe_load(read(
            self.outside("grafana", provisioning + "/dashboards/echogw.yml")))
        folder = dashboards["providers"][0]["options"]["path"]
        dashboards = [name for name in os.listdir(self.outside("grafana", folder))
                      if name.endswith(".json")]
        self.assertEqual(dashboards, ["echogw.json"])
        home = service["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
        self.assertTrue(os.path.isfile(self.outside("grafana", home)))


if __name__ == "__main__":
    unittest.main()
