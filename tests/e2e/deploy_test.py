"""Goal: the README's one command works from a checkout. Method: deploy/run.sh --once, which
installs what is missing, builds, starts, and sends a message through the gateway. On a fresh
release build that takes a second; elsewhere it is the build itself, so it runs only where the
binaries under test are those of build/release."""

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
