"""alternate.py and profile_servers.py parse their input; no server runs."""

import argparse
import contextlib
import io
import unittest

import alternate
import measure
import profile_servers

REPORT = """
# Samples: 33K of event 'cpu-clock'
#
# Overhead  Symbol
     4.80%  [k] _raw_spin_unlock_irqrestore        -      -
     2.50%  [k] tcp_ack                            -      -
     0.49%  [k] fput                               -      -
     0.46%  [k] ep_send_events                     -      -
     0.37%  [.] echogw::WriteOrHold                -      -
     0.11%  [.] echogw::WriteOrHold                -      -
     0.01%  [k] a_function_of_tomorrow             -      -
"""


def servers(*texts):
    parser = argparse.ArgumentParser()
    alternate.add_servers(parser)
    return parser.parse_args(texts).servers


class Servers(unittest.TestCase):
    def test_name_and_command(self):
        self.assertEqual(servers("a=x/echogw --spin-us=50", "b=raw 'two words'"),
                         {"a": ["x/echogw", "--spin-us=50"], "b": ["raw", "two words"]})

    def test_what_is_no_server_is_said(self):
        for bad in (("echogw",), ("=echogw",), ("a=",), ("a=x", "a=y")):
            errors = io.StringIO()
            with self.subTest(bad), contextlib.redirect_stderr(errors):
                with self.assertRaises(SystemExit):
                    servers(*bad)
                self.assertIn("write NAME=COMMAND", errors.getvalue())


class Failures(unittest.TestCase):
    def test_the_reports_errors_in_a_line(self):
        report = '{"errors": {"total": 3, "kinds": [{"kind": "timeout", "count": 2}, ' \
                 '{"kind": "reset", "count": 1}]}}'
        self.assertEqual(measure.why_it_failed(report, ""), "2 x timeout, 1 x reset")

    def test_what_is_no_report_is_shown(self):
        self.assertEqual(measure.why_it_failed("", "no such option\n"), "no such option")
        self.assertEqual(measure.why_it_failed("{}", "gone\n"), "gone")
        self.assertEqual(measure.why_it_failed("[]", ""), "[]")


class Areas(unittest.TestCase):
    def test_symbols_have_an_area_and_their_share(self):
        found = profile_servers.shares(REPORT)
        self.assertEqual(found["fput"], ("descriptor look-up", 0.0049))
        self.assertEqual(found["ep_send_events"][0], "asking what is ready (epoll, poll)")
        self.assertEqual(found["tcp_ack"][0], "TCP")
        self.assertEqual(found["_raw_spin_unlock_irqrestore"][0],
                         "scheduler, wake-ups, interrupts, locks")
        self.assertEqual(found["a_function_of_tomorrow"][0], profile_servers.OTHER)
        area, share = found["echogw::WriteOrHold"]
        self.assertEqual(area, profile_servers.USER)
        self.assertAlmostEqual(share, 0.0048)

    def test_no_symbol_without_a_report(self):
        self.assertEqual(profile_servers.shares("the file is empty\n"), {})


if __name__ == "__main__":
    unittest.main()
