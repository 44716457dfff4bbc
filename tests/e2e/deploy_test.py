"""Goal: the first command of README.md works from a checkout. Method: deploy/run.sh --once, which
installs packages, builds, starts the gateway and sends a message through it. With an up-to-date
release build this takes a second, so the test runs only if the binaries under test are those of
build/release."""

import os
import unittest

from harness import ECHOGW, ROOT, EndToEnd, run


class RunScript(EndToEnd):
    def setUp(self):
        release = os.path.join(ROOT, "build", "release", "echogw")
        if not (os.path.exists(release) and os.path.samefile(release, ECHOGW)):
            self.skipTest("the binaries under test are not those that deploy/run.sh builds")

    def test_once(self):
        result = run(os.path.join(ROOT, "deploy", "run.sh"), "--once",
                     "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0",
                     "--metrics", "127.0.0.1:0", "--drain-quiet-period", "0s", timeout=880)
        self.assertEqual(result.code, 0, result)
        self.assertRegex(result.out, r"Got back 'hello from \d+'")
        self.assertRegex(result.out, r"(?m)^State +serving$")


if __name__ == "__main__":
    unittest.main()
