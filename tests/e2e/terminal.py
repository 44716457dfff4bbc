"""A terminal for full-screen programs: a tmux server with one window."""

import os
import shlex
import shutil
import subprocess
import tempfile

from harness import clean_environment, wait_until


class Terminal:
    """Runs a command line in a shell, and prints at its end "exit N", and "same" if the settings of
    the terminal are what they were before."""

    def __init__(self, *command, width=80, height=24, env=None):
        self._folder = tempfile.mkdtemp(prefix="echogw-e2e-")
        environment = {"LC_ALL": "C.UTF-8", **(env or {})}
        words = ["env"] + [f"{k}={v}" for k, v in environment.items()] + list(command)
        # The last command keeps the window and its contents.
        line = ("before=$(stty -g); " + shlex.join(words) + "; echo exit $?; "
                '[ "$before" = "$(stty -g)" ] && echo same; exec cat')
        try:
            self._tmux("new-session", "-d", "-x", str(width), "-y", str(height), line)
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise

    def _tmux(self, *arguments):
        env = clean_environment({"LC_ALL": "C.UTF-8"})
        env.pop("TMUX", None)
        done = subprocess.run(
            ["tmux", "-u", "-f", "/dev/null", "-S", os.path.join(self._folder, "socket"),
             *arguments], env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=30,
            check=True)
        return done.stdout.decode()

    def screen(self, escapes=False):
        return self._tmux("capture-pane", "-p", *(["-e"] if escapes else []))

    def pid(self):
        """The process that the shell runs."""
        shell = self._tmux("display-message", "-p", "#{pane_pid}").strip()
        with open(f"/proc/{shell}/task/{shell}/children", encoding="ascii") as children:
            return int(children.read().split()[0])

    def keys(self, *keys):
        """Sends keys by their tmux names: "j", "Enter", "C-c"."""
        self._tmux("send-keys", *keys)

    def resize(self, width, height):
        self._tmux("resize-window", "-x", str(width), "-y", str(height))

    def wait_for(self, *texts):
        """The screen once it contains all `texts`."""
        seen = ""

        def there():
            nonlocal seen
            seen = self.screen()
            return seen if all(text in seen for text in texts) else None

        try:
            return wait_until(there, f"{texts} on the screen")
        except AssertionError as error:
            raise AssertionError(f"{error}; it shows:\n{seen}") from None

    def wait_for_no(self, text):
        wait_until(lambda: text not in self.screen(), f"no {text!r} on the screen")

    def wait_for_end(self, code=0):
        """Waits for the end of the command; fails unless it left the terminal as it was."""
        return self.wait_for(f"exit {code}\nsame\n")

    def end(self):
        try:
            self._tmux("kill-server")
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)
