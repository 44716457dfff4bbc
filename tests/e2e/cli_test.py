"""Goal: scripts and users can rely on echogwctl: formats, exit codes, pipes.
Method: the real echogwctl against the real echogw, run as from a shell."""

import json
import signal
import socket
import subprocess
import tempfile
import unittest

import yaml

import terminal
from harness import ECHOGWCTL, EndToEnd, clean_environment, run, wait_until
from wire import Crowd, connect, echo_once, pattern, ping


def shape(value):
    """The keys and types of a document, without its values."""
    if isinstance(value, dict):
        return {k: shape(v) for k, v in value.items()}
    if isinstance(value, list):
        return [shape(v) for v in value]
    return type(value).__name__


class Formats(EndToEnd):
    # Every read-only verb, and changes that can be repeated.
    VERBS = (("stats",), ("reactors",), ("info",), ("health",), ("version",),
             ("version", "--client"), ("resize", "2", "--wait"), ("resize", "3", "--dry-run", "--wait"),
             ("operation",), ("operation", "1"), ("operation", "1", "--watch"),
             ("move", "--from", "0", "--to", "1", "--wait"), ("rebalance", "--wait"),
             ("rebalance", "--dry-run", "--wait"), ("rebalance", "--auto", "on"),
             ("rebalance", "--auto", "off"), ("steer", "0=1", "1=1"), ("steer", "--reset"),
             ("drain", "--reactor", "1", "--wait"), ("undrain", "--reactor", "1"),
             ("drain", "--quiet-period", "0s", "--spread", "0s", "--wait"), ("undrain",))

    def test_every_verb_in_every_format(self):
        gateway = self.gateway(reactors=2)
        for verb in self.VERBS:
            shapes = {}
            for output in ("table", "json", "yaml"):
                with self.subTest(verb=" ".join(verb), output=output):
                    if verb[0] == "drain":
                        self.ctl(gateway, "undrain")
                    result = self.ctl(gateway, *verb, "-o", output)
                    self.assertTrue(result.out.endswith("\n"))
                    self.assertNotIn("\x1b", result.out + result.err)
                    if output == "table":
                        with self.assertRaises(ValueError):
                            json.loads(result.out)
                    elif output == "json":
                        shapes[output] = shape(result.json())
                    else:
                        shapes[output] = shape(yaml.safe_load(result.out))
            self.assertEqual(shapes["json"], shapes["yaml"], verb)

    def test_json_has_raw_numbers_and_tables_units(self):
        gateway = self.gateway()
        echo_once(gateway.address, pattern(3 << 20))
        self.assertEqual(self.stats(gateway)["total"]["received_bytes"], 3 << 20)
        table = self.ctl(gateway, "stats").out
        self.assertIn("3.00 MiB", table)
        self.assertRegex(table, r"(?m)^State +serving$")
        self.assertRegex(table, r"(?m)^ *REACTOR +CPU +STATE")

    def test_yaml_of_strange_keys_and_values(self):
        gateway = self.gateway()
        self.assertEqual(yaml.safe_load(self.ctl(gateway, "info", "-o", "yaml").out),
                         self.ctl_json(gateway, "info"))


class ExitCodes(EndToEnd):
    def test_1_refused(self):
        gateway = self.gateway()
        for verb in (("operation", "77"), ("move", "--from", "0", "--to", "9"),
                     ("steer", "9=1"), ("steer", "0=0", "1=0"), ("health", "--service", "nobody")):
            result = self.ctl(gateway, *verb, expect=1)
            self.one_line(result.err, "echogwctl: ")
            self.assertEqual(result.out, "")

    def test_1_health_of_a_draining_gateway(self):
        gateway = self.gateway()
        self.assertEqual(self.ctl(gateway, "health").out, "serving\n")
        self.drain_into_quiet(gateway)
        wait_until(lambda: run(ECHOGWCTL, "--target", gateway.admin, "health").code == 1,
                   "not serving")
        self.assertEqual(self.ctl(gateway, "health", expect=1).out, "not serving\n")
        self.ctl(gateway, "undrain")
        self.ctl(gateway, "health")

    def test_2_usage(self):
        # tests/unit/ctl/cli/usage_test.cc and load/bench_test.cc test every usage error.
        result = run(ECHOGWCTL, "statz")
        self.assertEqual((result.code, result.out), (2, ""), result)
        self.one_line(result.err, "echogwctl: ", "stats")

    def test_3_unreachable(self):
        with socket.create_server(("127.0.0.1", 0)) as closed:
            target = f"127.0.0.1:{closed.getsockname()[1]}"
        for output in ("table", "json", "yaml"):
            result = run(ECHOGWCTL, "--target", target, "stats", "-o", output)
            self.assertEqual((result.code, result.out), (3, ""), result)
            self.one_line(result.err, target, "echogw")
        result = run(ECHOGWCTL, "--target", "unix:/nonexistent/echogw.sock", "health")
        self.assertEqual(result.code, 3, result)
        self.one_line(result.err, "/nonexistent/echogw.sock")

    def test_3_no_answer_in_time(self):
        with socket.create_server(("127.0.0.1", 0)) as mute:
            target = f"127.0.0.1:{mute.getsockname()[1]}"
            result = run(ECHOGWCTL, "--target", target, "--timeout", "300ms", "health")
        self.assertEqual(result.code, 3, result)
        self.one_line(result.err, target, "300ms")

    def test_3_not_an_admin_port(self):
        gateway = self.gateway()
        result = run(ECHOGWCTL, "--target", gateway.target, "--timeout", "2s", "stats")
        self.assertEqual(result.code, 3, result)
        self.one_line(result.err, gateway.target)

    def test_4_drain_of_a_gateway_that_is_cut_short(self):
        gateway = self.gateway()
        with connect(gateway.address) as client:
            # This client never closes its half.
            ping(client)
            result = self.ctl(gateway, "drain", "--wait", "--quiet-period", "0s", "--spread", "0s",
                              "--deadline", "500ms", "-o", "json", expect=4)
        operation = result.json()["operation"]
        self.assertEqual(operation["result"], "OPERATION_RESULT_TIMED_OUT")
        self.assertEqual(operation["connections_reset"], 1)

    def test_4_drain_of_a_reactor_that_is_cut_short(self):
        gateway = self.gateway()
        with Crowd(gateway.address, 30) as crowd:
            crowd.echo()
            self.ctl(gateway, "drain", "--reactor", "1", "--let-finish", "--wait",
                     "--deadline", "100ms", expect=4)
            self.assertEqual(crowd.echo(2), 30)

    def test_0_help_and_version(self):
        self.assertRegex(run(ECHOGWCTL, "--version").out, r"^echogwctl \d+\.\d+\.\d+\n$")
        top = run(ECHOGWCTL, "--help")
        self.assertEqual((top.code, top.err), (0, ""))
        # tests/unit/ctl/cli/usage_test.cc tests the help of every verb.
        self.assertRegex(top.out, r"(?m)^  stats ")
        help_text = run(ECHOGWCTL, "stats", "--help")
        self.assertEqual((help_text.code, help_text.err), (0, ""))
        self.assertIn("Examples:", help_text.out)


class Terminal(EndToEnd):
    def setUp(self):
        self.server = self.gateway()

    def test_target_from_the_environment(self):
        result = run(ECHOGWCTL, "info", "-o", "json", env={"ECHOGW_TARGET": self.server.admin})
        self.assertEqual(result.json()["pid"], self.server.pid)
        # The flag takes precedence.
        result = run(ECHOGWCTL, "--target", self.server.admin, "health",
                     env={"ECHOGW_TARGET": "127.0.0.1:1"})
        self.assertEqual(result.code, 0, result)

    def watch(self, *arguments):
        return self.process(ECHOGWCTL, "--target", self.server.admin, "stats", "--watch",
                            *arguments)

    def test_watch_until_interrupted(self):
        process = self.watch("50ms", "-o", "json")
        wait_until(lambda: len(process.out.all()) >= 4, "four snapshots")
        process.signal(signal.SIGINT)
        self.assertEqual(process.wait(), 0)
        times = [json.loads(line)["time"] for line in process.out.all()]
        self.assertEqual(times, sorted(set(times)))
        self.assertEqual(process.err.text(), "")

    def test_watch_as_table_and_yaml(self):
        process = self.watch("50ms")
        wait_until(lambda: process.out.text().count("Gateway ") >= 3, "three tables")
        self.assertNotIn("\x1b", process.out.text())
        process = self.watch("50ms", "-o", "yaml")
        wait_until(lambda: process.out.text().count("---") >= 3, "three documents")

    def test_watch_ends_with_the_gateway(self):
        process = self.watch("50ms", "-o", "json")
        process.out.wait_for(r"^\{")
        self.server.drained()
        self.assertEqual(process.wait(), 3)
        self.one_line(process.err.text(), self.server.admin)

    def test_pipe_to_head(self):
        shell = f'"{ECHOGWCTL}" stats --watch 20ms | head -n 3; echo "${{PIPESTATUS[0]}}"'
        result = run("bash", "-c", shell, env={"ECHOGW_TARGET": self.server.admin})
        self.assertEqual(result.out.splitlines()[-1], "0", result)
        self.assertEqual((result.code, result.err), (0, ""))

    def test_full_disk_is_told(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([ECHOGWCTL, "stats"], stdout=full, stderr=subprocess.PIPE,
                                  env=clean_environment({"ECHOGW_TARGET": self.server.admin}),
                                  check=False, timeout=20)
        self.assertEqual(done.returncode, 1)
        self.one_line(done.stderr.decode(), "output")

    def on_terminal(self, *arguments, env=None):
        """The output of a command on a terminal."""
        self.need_tool("tmux")
        screen = terminal.Terminal(ECHOGWCTL, "--target", self.server.admin, *arguments, width=160,
                                   env={"TERM": "xterm", **(env or {})})
        self.addCleanup(screen.end)
        screen.wait_for_end()
        return screen.screen(escapes=True)

    def test_colour_on_a_terminal_only(self):
        self.assertIn("\x1b[", self.on_terminal("reactors"))
        self.assertNotIn("\x1b[", self.on_terminal("reactors", env={"NO_COLOR": "1"}))
        self.assertNotIn("\x1b[", self.on_terminal("reactors", env={"TERM": "dumb"}))
        self.assertNotIn("\x1b[", self.on_terminal("reactors", "-o", "json"))
        self.assertNotIn("\x1b", self.ctl(self.server, "reactors").out)

    def test_output_to_a_file_is_the_same(self):
        with tempfile.TemporaryFile() as file:
            subprocess.run([ECHOGWCTL, "info", "-o", "json"], stdout=file, check=True, timeout=20,
                           env=clean_environment({"ECHOGW_TARGET": self.server.admin}))
            file.seek(0)
            self.assertEqual(json.load(file)["pid"], self.server.pid)


if __name__ == "__main__":
    unittest.main()
