"""Goal: the Debian packages install on a bare system, serve there, and leave nothing when purged.
Method: cpack makes them from the build under test, as deploy/package.sh does, and package_check.sh
uses them in a Debian installed by mmdebstrap.
"""

import glob
import os
import shutil
import subprocess
import tempfile
import unittest

from engine import Unavailable, install_debian

BUILD = os.environ["ECHOGW_BUILD"]
HERE = os.path.dirname(os.path.abspath(__file__))


class Packages(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="echogw-packages-")
        self.addCleanup(shutil.rmtree, self.folder)
        if shutil.which("help2man") is None or shutil.which("dpkg-shlibdeps") is None:
            self.skipTest("not installed: the set package of deploy/packages.txt")

    def run_tool(self, *command):
        done = subprocess.run(command, check=False, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 0, f"{' '.join(command)}:\n{done.stdout}{done.stderr}")

    def test_installs_serves_and_leaves_nothing(self):
        self.run_tool("cmake", "--build", BUILD, "--target", "dist")
        self.run_tool("cpack", "--config", os.path.join(BUILD, "CPackConfig.cmake"),
                      "-G", "DEB;TGZ", "-B", self.folder)
        packages = glob.glob(os.path.join(self.folder, "*.deb"))
        self.assertEqual(sorted(os.path.basename(path).split("_")[0] for path in packages),
                         ["echogw", "echogwctl"])
        self.assertEqual(len(glob.glob(os.path.join(self.folder, "*.tar.gz"))), 2)
        check = os.path.join(HERE, "package_check.sh")
        try:
            said = install_debian(
                "/dev/null", "--format=null", "--include=systemd",
                '--customize-hook=mkdir "$1/packages"',
                f"--customize-hook=copy-in {' '.join([check, *packages])} /packages",
                '--customize-hook=chroot "$1" /packages/package_check.sh')
        except Unavailable as why:
            self.skipTest(str(why))
        self.assertIn("installed, used and purged", said)


if __name__ == "__main__":
    unittest.main()
