"""A separate container engine: podman, buildah and runc with storage in a temporary directory, so
that nothing on the machine is used or left behind.

Raises Unavailable if this machine cannot run containers or download Debian; the tests are then
skipped. All other errors are faults of the image.
"""

import json
import os
import platform
import re
import resource
import shutil
import signal
import subprocess
import tempfile
import time

SUITE = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
BASE = f"docker.io/library/debian:{SUITE}-slim"
TOOLS = ("buildah", "podman", "runc", "mmdebstrap")
# A base image older than this is rebuilt, for security updates.
BASE_AGE_SECONDS = 24 * 3600
FETCH_SECONDS = 500
COMMAND_SECONDS = 180
# Messages of apt that blame the mirror, not the list of packages.
_MIRROR_FAULT = re.compile(r"Failed to fetch|Could not resolve|Temporary failure|Unable to connect"
                           r"|Could not connect|Connection (failed|timed out)|Hash Sum mismatch"
                           r"|not valid yet|is expired")
# Like the official slim image: no documentation, no apt caches, no fsync by dpkg.
_SLIM = ["--dpkgopt=force-unsafe-io",
         "--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*",
         "--dpkgopt=path-exclude=/usr/share/locale/*",
         '--aptopt=Dir::Cache::pkgcache ""', '--aptopt=Dir::Cache::srcpkgcache ""',
         '--customize-hook=rm -f "$1"/var/cache/apt/*.bin']


class Unavailable(Exception):
    """The reason why containers cannot run here."""


def _run(command, timeout=COMMAND_SECONDS, env=None, **options):
    return subprocess.run(command, timeout=timeout, env=env, check=False, capture_output=True,
                          stdin=subprocess.DEVNULL, text=True, errors="replace", **options)


def _environment():
    """That of this process without settings of the gateway."""
    return {k: v for k, v in os.environ.items() if not k.startswith("ECHOGW_")}


def _tail(text, lines=15):
    return "\n".join(text.strip().splitlines()[-lines:])


def _debian_sources():
    """The sources of this machine's apt for its release, as lines of a sources.list."""
    listed = _run(["apt-get", "indextargets", "--format",
                   "deb $(REPO_URI) $(CODENAME) $(COMPONENT)", "IDENTIFIER: Packages",
                   "ORIGIN: Debian"]).stdout if shutil.which("apt-get") else ""
    wanted = re.compile(rf"deb \S+ {SUITE}(-updates|-security)? main")
    lines = sorted({line for line in listed.splitlines() if wanted.fullmatch(line)})
    if not any(line.endswith(f" {SUITE} main") for line in lines):
        raise Unavailable(f"this machine's apt has no Debian {SUITE} to install")
    return lines


def _proxy_options():
    """The proxy options of this machine's apt, for apt in the base image."""
    dumped = _run(["apt-config", "dump"]).stdout
    return ["--aptopt=" + line.rstrip(";") for line in dumped.splitlines()
            if re.fullmatch(r'Acquire::https?::Proxy(::\S+)? ".+";', line)]


def install_debian(target, *options):
    """Installs a minimal Debian of this machine's release by mmdebstrap; returns its output."""
    if shutil.which("mmdebstrap") is None or os.geteuid() != 0:
        raise Unavailable("Debian is installed by mmdebstrap (set image of deploy/packages.txt), "
                          "as root")
    with tempfile.NamedTemporaryFile("w", encoding="ascii", suffix=".list") as sources:
        sources.write("\n".join(_debian_sources()) + "\n")
        sources.flush()
        try:
            made = _run(["mmdebstrap", "--quiet", "--variant=minbase",
                         "--aptopt=Acquire::Retries \"3\"", *_proxy_options(), *options,
                         SUITE, target, sources.name], FETCH_SECONDS, _environment())
        except subprocess.TimeoutExpired:
            raise Unavailable(f"no Debian from the mirror in {FETCH_SECONDS} s") from None
    if made.returncode != 0 and _MIRROR_FAULT.search(made.stderr):
        raise Unavailable("no Debian from the mirror: " + _tail(made.stderr))
    if made.returncode != 0:
        raise AssertionError("mmdebstrap failed:\n" + _tail(made.stdout + made.stderr, 60))
    return made.stdout + made.stderr


class Engine:
    """Storage with its images and containers. close() ends and removes all of it."""

    def __init__(self):
        missing = [tool for tool in TOOLS if shutil.which(tool) is None]
        if missing:
            raise Unavailable(f"not installed: {' '.join(missing)}; they are the set image of "
                              "deploy/packages.txt")
        if os.geteuid() != 0:
            raise Unavailable("only root may give containers limits here")
        self.folder = tempfile.mkdtemp(prefix="echogw-image-")
        # The default limits may exceed those of the machine; then no container starts.
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        self.env = _environment()
        self.env["CONTAINERS_CONF"] = self.path("containers.conf")
        self.env["TMPDIR"] = self.path("tmp")
        os.mkdir(self.path("tmp"))
        with open(self.path("containers.conf"), "w", encoding="ascii") as file:
            file.write('[containers]\n'
                       f'default_ulimits=["nofile={files}:{files}","nproc=4096:4096"]\n'
                       '[engine]\nruntime="runc"\ncgroup_manager="cgroupfs"\n'
                       'events_logger="file"\n')
        self._storage = ["--root", self.path("root"), "--runroot", self.path("run")]
        self.failed = None

    def path(self, *names):
        return os.path.join(self.folder, *names)

    # ---- images ----

    def prepare(self, cache):
        """Creates the base image, from `cache` if it is recent, and runs a container of it."""
        base = os.path.join(cache, "base.tar")
        if not (os.path.exists(base) and time.time() - os.path.getmtime(base) < BASE_AGE_SECONDS):
            self._fetch_base(base)
        tried = []
        # Overlay does not work on every file system; plain copies do.
        for driver in ("overlay", "vfs"):
            self._driver = ["--storage-driver", driver]
            imported = self.podman("import", "--change", 'CMD ["bash"]', base, BASE)
            if imported.returncode == 0:
                ran = self.podman("run", "--rm", "--network", "none", "--memory", "64m", BASE,
                                  "true")
                if ran.returncode == 0:
                    return
                imported = ran
            tried.append(f"{driver}: {_tail(imported.stderr, 3)}")
        raise Unavailable("podman cannot run a container here: " + "; ".join(tried))

    def _fetch_base(self, base):
        part = base + ".part"
        install_debian(part, "--format=tar", *_SLIM)
        os.replace(part, base)

    def build(self, dockerfile, context, tag, *options):
        """Builds and returns the output. Raises Unavailable if the mirror fails."""
        command = ["buildah", *self._storage, *self._driver, "bud", "--isolation", "chroot",
                   "--pull-never", "--network", "host", "--format", "docker", "--layers",
                   "-f", dockerfile, "-t", tag, *options, context]
        made = _run(command, 3000, self.env)
        text = made.stdout + made.stderr
        if made.returncode != 0:
            if _MIRROR_FAULT.search(text):
                raise Unavailable("the mirror failed during the build: " + _tail(text))
            raise AssertionError(f"the build failed:\n{_tail(text, 60)}")
        return text

    # ---- containers ----

    def podman(self, *arguments, timeout=COMMAND_SECONDS):
        return _run(["podman", *self._storage, *self._driver, *arguments], timeout, self.env)

    def inspect(self, name):
        return json.loads(self.podman("inspect", name).stdout)[0]

    def _helpers(self):
        """Processes of podman with this storage, recognized by the directory in their arguments."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    command = file.read().split(b"\0")
            except OSError:
                continue
            if os.path.basename(command[0]) == b"conmon" and any(
                    self.folder.encode() in argument for argument in command):
                found.append(int(pid))
        return found

    def close(self):
        if hasattr(self, "_driver"):
            self.podman("rm", "--force", "--all", "--time", "0")
        for pid in self._helpers():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        with open("/proc/self/mountinfo", encoding="utf-8") as file:
            mounts = [line.split()[4] for line in file]
        for mount in sorted((m for m in mounts if m.startswith(self.folder + "/")), reverse=True):
            _run(["umount", "--lazy", mount])
        shutil.rmtree(self.folder, ignore_errors=True)
        if os.path.exists(self.folder):
            raise AssertionError(f"{self.folder} cannot be removed")
