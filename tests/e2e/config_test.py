"""Goal: settings have one precedence, and an invalid one is refused with exit code 2 and one line.
Method: the real binary with flags, environment and files; most runs end before the gateway
starts."""

import os
import socket
import tomllib
import unittest

from harness import ECHOGW, EndToEnd, run


class ConfigCase(EndToEnd):
    def setUp(self):
        self.folder = self.temporary_folder()

    def file(self, text):
        path = os.path.join(self.folder, "echogw.toml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def printed(self, *flags, env=None):
        """The output of --print-config, as values and as text."""
        result = run(ECHOGW, "--print-config", *flags, env=env)
        self.assertEqual(result.code, 0, result)
        return tomllib.loads(result.out), result.out

    def refused(self, *flags, env=None, parts=()):
        """A usage error: exit code 2, one line, no port bound."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            # A process that tried to bind would report this port instead.
            busy = f"127.0.0.1:{taken.getsockname()[1]}"
            result = run(ECHOGW, "--admin", busy, "--metrics", "off", *flags, env=env)
        self.assertEqual(result.code, 2, result)
        self.assertEqual(result.out, "")
        self.one_line(result.err, "echogw: ", *parts)


class BadSettings(ConfigCase):
    def test_unknown_flag_names_the_nearest(self):
        self.refused("--listne", "127.0.0.1:0", parts=("--listne", "--listen"))

    def test_stray_argument(self):
        self.refused("127.0.0.1:7000", parts=("127.0.0.1:7000",))

    def test_bad_values(self):
        for flag, value in (
                ("--reactors", "0"), ("--reactors", "257"), ("--reactors", "many"),
                ("--listen", "7000"), ("--listen", "127.0.0.1:70000"), ("--listen", "::1:7000"),
                ("--listen", "example.org:7000"), ("--listen", ""), ("--poller", "kqueue"),
                ("--transform", "lower"), ("--cpus", "4000"), ("--cpus", "1-0"),
                ("--buffer-size", "1"), ("--buffer-size", "64KB"), ("--log-level", "loud"),
                ("--stall-threshold", "100"), ("--spin-us", "100001"), ("--spin-us", "50us"),
                ("--metrics", "[::1]:0"), ("--admin", "unix:"),
                ("--drain-refuse", "maybe"), ("--backlog", "-1"), ("--steering", "perhaps"),
                ("--log-file-max-size", "0")):
            with self.subTest(flag=flag, value=value):
                self.refused(flag, value, parts=(flag[2:],))

    def test_the_same_address_twice(self):
        self.refused("--listen", "127.0.0.1:7000", "--listen", "127.0.0.1:7000", parts=("listen",))

    def test_flag_without_a_value(self):
        self.refused("--reactors", parts=("reactors",))

    def test_bad_environment(self):
        self.refused(env={"ECHOGW_REACTORS": "none"}, parts=("ECHOGW_REACTORS", "none"))
        self.refused(env={"ECHOGW_LISTEN": "127.0.0.1:1,nowhere"}, parts=("ECHOGW_LISTEN",))

    def test_bad_file(self):
        for text, parts in (
                ('raectors = 2\n', (":1", "raectors", "reactors")),
                ('# ok\nreactors = 0\n', (":2", "reactors")),
                ('reactors = [2]\n', ("reactors",)),
                ('reactors = 2.5\n', ("reactors",)),
                ('reactors = \n', (":1",)),
                ('listen = "nowhere"\n', ("listen", "nowhere")),
                ('reactors = 1\nreactors = 2\n', (":2",))):
            with self.subTest(text=text):
                self.refused("--config", self.file(text), parts=("echogw.toml",) + parts)

    def test_file_that_is_not_there(self):
        self.refused("--config", os.path.join(self.folder, "none.toml"), parts=("none.toml",))

    def test_file_named_by_the_environment_that_is_not_there(self):
        self.refused(env={"ECHOGW_CONFIG": "/nonexistent/echogw.toml"},
                     parts=("/nonexistent/echogw.toml",))

    def test_a_folder_is_no_file(self):
        self.refused("--config", self.folder, parts=(self.folder,))


class Precedence(ConfigCase):
    def test_flag_then_environment_then_file_then_default(self):
        path = self.file('reactors = 3\nbacklog = 30\ntransform = "upper"\n')
        env = {"ECHOGW_REACTORS": "4", "ECHOGW_BACKLOG": "40", "ECHOGW_CONFIG": path}
        values, text = self.printed("--reactors", "5", env=env)
        self.assertEqual(values["reactors"], 5)
        self.assertEqual(values["backlog"], 40)
        self.assertEqual(values["transform"], "upper")
        self.assertEqual(values["poller"], "auto")
        # Each setting names its source.
        for key, source in (("reactors", "--reactors"), ("backlog", "ECHOGW_BACKLOG"),
                            ("transform", "echogw.toml:3"), ("poller", "default")):
            line = next(l for l in text.splitlines() if l.startswith(f"{key} = "))
            self.assertIn(source, line)

    def test_config_flag_wins_over_its_variable(self):
        path = self.file("reactors = 3\n")
        values, _ = self.printed("--config", path, env={"ECHOGW_CONFIG": "/nonexistent"})
        self.assertEqual(values["reactors"], 3)

    def test_an_empty_variable_is_not_set(self):
        values, _ = self.printed(env={"ECHOGW_BACKLOG": ""})
        self.assertEqual(values["backlog"], 4096)

    def test_lists_are_replaced_not_joined(self):
        path = self.file('listen = ["127.0.0.1:1", "127.0.0.1:2"]\n')
        values, _ = self.printed("--config", path)
        self.assertEqual(values["listen"], ["127.0.0.1:1", "127.0.0.1:2"])
        values, _ = self.printed("--config", path, env={"ECHOGW_LISTEN": "127.0.0.1:3"})
        self.assertEqual(values["listen"], ["127.0.0.1:3"])
        values, _ = self.printed("--config", path, "--listen", "127.0.0.1:4", "--listen",
                                 "127.0.0.1:5", env={"ECHOGW_LISTEN": "127.0.0.1:3"})
        self.assertEqual(values["listen"], ["127.0.0.1:4", "127.0.0.1:5"])

    def test_printed_config_reads_back_the_same(self):
        flags = ("--listen", "[::1]:7100", "--listen", "127.0.0.1:7100", "--reactors", "7",
                 "--transform", "upper", "--log-file", self.folder + '/a "quoted"\\name.log',
                 "--steering", "off", "--drain-deadline", "1m30s", "--buffer-size", "16KiB",
                 "--admin", "unix:/tmp/some.sock", "--metrics", "off")
        values, text = self.printed(*flags)
        self.assertEqual(values["log-file"], self.folder + '/a "quoted"\\name.log')
        again, _ = self.printed("--config", self.file(text))
        self.assertEqual(again, values)

    def test_the_file_is_in_force(self):
        path = self.file('transform = "upper"\nreactors = 3\nlisten = "127.0.0.1:0"\n'
                         'admin = "127.0.0.1:0"\nmetrics = "off"\ncpus = "none"\n')
        process = self.process(ECHOGW, "--config", path)
        self.assertIsNotNone(process.out.wait_for(r"^ready$"), process.err.text())
        self.assertRegex(process.out.text(), r"(?m)^listening on 127\.0\.0\.1:\d+$")

    def test_a_variable_that_is_no_setting_is_warned_of(self):
        gateway = self.gateway(env={"ECHOGW_REACTOR": "3", "ECHOGW_MAX_CONNS_PER_IP": "5",
                                    "ECHOGW_PORT": "tcp://10.0.0.1:7000"})
        gateway.err.wait_for(r"warn.*ECHOGW_MAX_CONNS_PER_IP is not used; 'echogw --help'")
        gateway.err.wait_for(r"warn.*ECHOGW_REACTOR is not used.*ECHOGW_REACTORS")
        self.assertNotIn("ECHOGW_PORT", gateway.err.text())

    def test_info_shows_the_configuration_in_force(self):
        gateway = self.gateway("--transform", "upper", reactors=3)
        config = self.ctl_json(gateway, "info")["config"]
        self.assertEqual(config["reactors"], "3")
        self.assertEqual(config["transform"], "upper")
        self.assertEqual(set(config), set(self.printed()[0]))


if __name__ == "__main__":
    unittest.main()
