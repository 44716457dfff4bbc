"""Goal: the manifests of deploy/kubernetes match each other and the gateway. Method: every
reference in their YAML is resolved, also in the output of kustomize if kubectl is installed, and
probes, settings, metrics and the soak are tried on a real gateway."""

import glob
import os
import re
import socket
import unittest

import yaml

from exporter import Scrape, get
from harness import ECHOGW, ECHOGWCTL, ROOT, EndToEnd, read, run, wait_until

FOLDER = os.path.join(ROOT, "deploy", "kubernetes")


# In a container, a shell finds echogwctl.
PATH = os.path.dirname(ECHOGWCTL) + ":" + os.environ["PATH"]


def load(*parts):
    """The manifests below a directory, without the files of kustomize."""
    found = []
    for path in sorted(glob.glob(os.path.join(FOLDER, *parts, "**", "*.yaml"), recursive=True)):
        found += [d for d in yaml.safe_load_all(read(path)) if "kind" in d]
    return [d for d in found if d["kind"] not in ("Kustomization", "Component")]


def kustomization(*parts):
    return yaml.safe_load(read(FOLDER, *parts, "kustomization.yaml"))


def only(documents, kind, name="echogw"):
    found = [d for d in documents if d["kind"] == kind and d["metadata"]["name"] == name]
    if len(found) != 1:
        raise AssertionError(f"{len(found)} of {kind} {name}")
    return found[0]


def pods(documents):
    return [d["spec"]["template"] for d in documents if d["kind"] in ("Deployment", "Job")]


def matches(selector, labels):
    return bool(selector) and selector.items() <= labels.items()


def port_names(pod):
    return {p["name"] for c in pod["spec"]["containers"] for p in c.get("ports", [])}


def settings():
    """The literals of the base's config map."""
    literals = kustomization("base")["configMapGenerator"][0]["literals"]
    return dict(literal.split("=", 1) for literal in literals)


def seconds(text):
    """The seconds of a duration such as 1m30s or 500ms."""
    units = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
    return sum(float(n) * units[u] for n, u in re.findall(r"([\d.]+)(ms|s|m|h)", text))


class ManifestCase(EndToEnd):
    """Checks for any set of manifests."""

    def check_all(self, documents):
        self.check_confinement(documents)
        self.check_selectors(documents)
        self.check_ports(documents)
        self.check_references(documents)

    def check_confinement(self, documents):
        for pod in pods(documents):
            spec = pod["spec"]
            outer = spec["securityContext"]
            self.assertTrue(outer["runAsNonRoot"])
            self.assertEqual((outer["runAsUser"], outer["runAsGroup"]), (65532, 65532))
            self.assertEqual(outer["seccompProfile"], {"type": "RuntimeDefault"})
            self.assertFalse(spec["automountServiceAccountToken"])
            # Otherwise the variables of the service would look like settings.
            self.assertFalse(spec["enableServiceLinks"])
            for key in ("hostNetwork", "hostPID", "hostIPC", "volumes"):
                self.assertNotIn(key, spec)
            for container in spec["containers"]:
                self.assertEqual(container["securityContext"], {
                    "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]}})
                for side in ("requests", "limits"):
                    self.assertEqual(set(container["resources"][side]), {"cpu", "memory"})

    def check_selectors(self, documents):
        labels = [p["metadata"]["labels"] for p in pods(documents)]
        services = [d["metadata"]["labels"] for d in documents if d["kind"] == "Service"]
        chosen = []
        for document in documents:
            spec = document.get("spec", {})
            kind = document["kind"]
            if kind == "Deployment":
                chosen.append((spec["selector"]["matchLabels"], [labels[0]]))
                self.assertTrue(matches(spec["selector"]["matchLabels"],
                                        spec["template"]["metadata"]["labels"]))
                for spread in spec["template"]["spec"]["topologySpreadConstraints"]:
                    chosen.append((spread["labelSelector"]["matchLabels"], labels))
            elif kind == "Service":
                chosen.append((spec["selector"], labels))
            elif kind == "PodDisruptionBudget":
                chosen.append((spec["selector"]["matchLabels"], labels))
            elif kind == "NetworkPolicy":
                chosen.append((spec["podSelector"]["matchLabels"], labels))
            elif kind == "ServiceMonitor":
                chosen.append((spec["selector"]["matchLabels"], services))
        self.assertGreater(len(chosen), 4)
        for selector, candidates in chosen:
            # Exactly one; the gateway's pods, but not those of the soak.
            self.assertEqual(sum(matches(selector, c) for c in candidates), 1, selector)

    def check_ports(self, documents):
        gateway = next(p for p in pods(documents) if port_names(p))
        names = port_names(gateway)
        for service in (d for d in documents if d["kind"] == "Service"):
            for port in service["spec"]["ports"]:
                self.assertIn(port["targetPort"], names)
        policy = only(documents, "NetworkPolicy")["spec"]
        self.assertEqual({p["port"] for rule in policy["ingress"] for p in rule["ports"]}, names)
        self.assertEqual(policy["egress"], [])
        for container in gateway["spec"]["containers"]:
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                if "httpGet" in container[probe]:
                    self.assertIn(container[probe]["httpGet"]["port"], names)
        for monitor in (d for d in documents if d["kind"] == "ServiceMonitor"):
            metrics = only(documents, "Service", "echogw-metrics")["spec"]["ports"]
            self.assertEqual([e["port"] for e in monitor["spec"]["endpoints"]],
                             [p["name"] for p in metrics])

    def check_references(self, documents):
        for scaler in (d for d in documents if d["kind"] == "HorizontalPodAutoscaler"):
            target = scaler["spec"]["scaleTargetRef"]
            self.assertEqual(only(documents, target["kind"], target["name"])["apiVersion"],
                             target["apiVersion"])
        maps = {d["metadata"]["name"] for d in documents if d["kind"] == "ConfigMap"}
        for pod in pods(documents):
            for container in pod["spec"]["containers"]:
                for source in container.get("envFrom", []):
                    self.assertIn(source["configMapRef"]["name"], maps)


class Manifests(ManifestCase):
    def test_files_fit_together(self):
        documents = load("base") + [d for d in load("components") if "rules" not in d]
        maps = [{"kind": "ConfigMap", "metadata": {"name": g["name"]}}
                for g in kustomization("base")["configMapGenerator"]]
        self.check_all(documents + maps)

    def test_a_drained_pod_does_not_block_a_node_drain(self):
        budget = only(load("base"), "PodDisruptionBudget")["spec"]
        self.assertEqual(budget["unhealthyPodEvictionPolicy"], "AlwaysAllow")

    def test_probes_through_the_network_policy(self):
        # The policy admits one namespace, to which the kubelet does not belong.
        policy = only(load("base"), "NetworkPolicy")["spec"]
        self.assertTrue(any("from" in rule and rule["ports"] == [{"port": "metrics"}]
                            for rule in policy["ingress"]))
        self.assertIn("kubelet", read(FOLDER, "base", "network-policy.yaml"))

    def test_the_service_monitor_is_selected_by_kube_prometheus_stack(self):
        patches = kustomization("examples", "load-balancer")["patches"]
        monitors = [p for p in (yaml.safe_load(p["patch"]) for p in patches)
                    if p["kind"] == "ServiceMonitor"]
        self.assertEqual([m["metadata"]["labels"] for m in monitors],
                         [{"release": "kube-prometheus-stack"}])

    def test_rules_for_the_prometheus_operator_are_those_of_prometheus(self):
        made = run(os.path.join(FOLDER, "prometheus-rules.sh"), "kube-prometheus-stack")
        self.assertEqual((made.code, made.err), (0, ""), made)
        rules = list(yaml.safe_load_all(made.out))
        self.assertEqual([r["kind"] for r in rules], ["PrometheusRule"] * 2)
        self.assertEqual([r["spec"] for r in rules],
                         [yaml.safe_load(read("deploy", "prometheus", name))
                          for name in ("recording.yml", "alerts.yml")])
        for rule in rules:
            self.assertEqual(rule["metadata"]["labels"]["release"], "kube-prometheus-stack")

    def test_the_dashboard_for_a_sidecar_is_that_of_grafana(self):
        tool = self.need_tool("kubectl")
        made = run(tool, "kustomize", os.path.join(FOLDER, "components", "dashboard"))
        self.assertEqual((made.code, made.err), (0, ""), made)
        found = only(list(yaml.safe_load_all(made.out)), "ConfigMap", "echogw-dashboard")
        self.assertEqual(found["metadata"]["labels"]["grafana_dashboard"], "1")
        self.assertEqual(found["data"]["echogw.json"],
                         read("deploy", "grafana", "dashboards", "echogw.json"))

    def test_no_file_is_forgotten(self):
        for path in glob.glob(os.path.join(FOLDER, "*", "**", "kustomization.yaml"),
                              recursive=True):
            folder = os.path.dirname(path)
            here = {n for n in os.listdir(folder) if n.endswith(".yaml")}
            named = {n for n in kustomization(folder).get("resources", []) if "/" not in n}
            extra = here - named - {"kustomization.yaml"}
            # Configuration of prometheus-adapter.
            self.assertLessEqual(extra, {"pod-metrics-rule.yaml"}, folder)
            self.assertLessEqual(named, here, folder)

    def test_examples_as_kustomize_makes_them(self):
        tool = self.need_tool("kubectl")
        for example in ("base", "examples/load-balancer", "examples/pinned"):
            with self.subTest(example):
                made = run(tool, "kustomize", os.path.join(FOLDER, example))
                self.assertEqual((made.code, made.err), (0, ""), made)
                self.check_all(list(yaml.safe_load_all(made.out)))


class Fit(EndToEnd):
    """The gateway behaves as the manifests expect."""

    def setUp(self):
        self.documents = load("base")
        spec = only(self.documents, "Deployment")["spec"]["template"]["spec"]
        self.grace = spec["terminationGracePeriodSeconds"]
        self.container = spec["containers"][0]

    def test_settings_are_known_and_leave_time(self):
        shown = run(ECHOGW, "--print-config", env=settings())
        self.assertEqual(shown.code, 0, shown)
        for variable in settings():
            self.assertIn(f"# {variable}", shown.out)
        times = {key: seconds(value) for key, value in
                 re.findall(r'^drain-(\S+) = "(.*?)"', shown.out, re.M) if key != "refuse"}
        # Slack for a busy node; otherwise the kubelet cuts connections.
        self.assertGreaterEqual(self.grace, times["deadline"] + 10)
        self.assertGreaterEqual(times["deadline"], times["quiet-max-wait"] + times["spread"])

    def test_ports_are_those_of_the_image(self):
        ports = {p["name"]: p["containerPort"] for p in self.container["ports"]}
        shown = run(ECHOGW, "--print-config", env=settings()).out
        self.assertIn(f'listen = [":{ports["data"]}"]', shown)
        self.assertIn(f'ECHOGW_METRICS=:{ports["metrics"]}', read("deploy", "Dockerfile"))
        # Not open to the pod network.
        self.assertIn('admin = "127.0.0.1:', shown)

    def probe(self, gateway, name):
        probe = self.container[name]
        if "httpGet" in probe:
            self.assertEqual(probe["httpGet"]["port"], "metrics")
            return get(gateway, probe["httpGet"]["path"])[0] == 200
        # The probe has the settings of the gateway.
        done = run(*probe["exec"]["command"], env={"ECHOGW_ADMIN": gateway.admin, "PATH": PATH})
        self.assertIn(done.code, (0, 1), done)
        return done.code == 0

    def test_probes(self):
        gateway = self.gateway()
        for name in ("startupProbe", "readinessProbe", "livenessProbe"):
            self.assertTrue(self.probe(gateway, name), name)
        self.drain_into_quiet(gateway)
        wait_until(lambda: not self.probe(gateway, "readinessProbe"), "it is not ready")
        # It must survive until the drain ends.
        self.assertTrue(self.probe(gateway, "livenessProbe"))

    def test_figures_to_scale_by_exist(self):
        gateway = self.gateway()
        exported = {name for name, _ in Scrape(gateway).values}
        rules = yaml.safe_load(
            read(FOLDER, "components", "autoscaling", "pod-metrics-rule.yaml"))["rules"]
        for rule in rules:
            self.assertIn(rule["seriesQuery"].split("{")[0], exported)
        scaler = only(load("components", "autoscaling"), "HorizontalPodAutoscaler")
        self.assertEqual({m["pods"]["metric"]["name"] for m in scaler["spec"]["metrics"]},
                         {rule["name"]["as"] for rule in rules})

    def test_soak_waits_for_the_gateway(self):
        job = only(load("components", "soak"), "Job", "echogw-soak")["spec"]
        *shell, command = job["template"]["spec"]["containers"][0]["command"]
        service = only(self.documents, "Service")
        endpoint = f"echogw:{service['spec']['ports'][0]['port']}"
        duration = re.search(r"--duration (\S+)", command).group(1)
        self.assertGreater(job["activeDeadlineSeconds"], 2 * seconds(duration))
        with socket.socket() as reserved:
            reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            reserved.bind(("127.0.0.1", 0))
            target = f"127.0.0.1:{reserved.getsockname()[1]}"
            command = command.replace(endpoint, target).replace(duration, "1s")
            soak = self.process(*shell, command, env={"PATH": PATH})
            soak.err.wait_for("cannot connect")
            gateway = self.gateway("--allow-shared-port", "on", listen=(target,))
        self.ctl(gateway, "resize", "1", "--wait")
        self.assertEqual(soak.wait(60), 0, soak.out.text() + soak.err.text())


if __name__ == "__main__":
    unittest.main()
