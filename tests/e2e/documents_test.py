"""Goal: the documents are correct. Method: links and anchors are resolved, the commands of
README.md are run, and tables are compared with the output of the gateway."""

import os
import re
import shlex
import tomllib

from exporter import Scrape
from harness import ECHOGW, ROOT, EndToEnd, read, run

DOCUMENTS = [os.path.relpath(os.path.join(folder, name), ROOT)
             for top in (".", "ctl", "deploy", "reactor", "server", "tests")
             for folder, folders, names in os.walk(os.path.join(ROOT, top))
             if top != "." or not folders.clear()
             for name in names if name.endswith(".md")]


def blocks(document):
    """The code blocks of a document, with continued lines joined."""
    text = read(document)
    found = re.findall(r"^```\n(.*?)^```$", text, re.M | re.S)
    found += re.findall(r"(?:^    .*\n)+", text, re.M)
    return [re.sub(r"\\\n\s*", "", block) for block in found]


def commands(word):
    """All lines of all documents that run `word`."""
    return [line for document in DOCUMENTS for block in blocks(document)
            for line in block.splitlines() if re.search(rf"(^|\s){word} ", line)]


def anchors(text):
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def section(document, heading):
    return re.split(r"^#+ ", read(document).split(f"# {heading}\n")[1], flags=re.M)[0]


def rows(text):
    """The cells of its table rows, without the header."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


class Links(EndToEnd):
    def test_every_relative_link_leads_somewhere(self):
        self.assertIn("README.md", DOCUMENTS)
        for document in DOCUMENTS:
            folder = os.path.dirname(document)
            for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", read(document)):
                with self.subTest(document=document, target=target):
                    path, _, anchor = target.partition("#")
                    path = os.path.join(folder, path) if path else document
                    self.assertTrue(os.path.exists(os.path.join(ROOT, path)))
                    if anchor:
                        self.assertIn(anchor, anchors(read(path)))

    def test_files_named_by_the_recipes_exist(self):
        named = re.findall(r"`((?:[\w.-]+/)+[\w-]+\.\w+)`", read("tests", "README.md"))
        self.assertGreater(len(named), 20)
        for path in named:
            with self.subTest(path):
                self.assertTrue("NAME" in path or os.path.exists(os.path.join(ROOT, path))
                                or os.path.exists(os.path.join(ROOT, "tests", path)))


class Commands(EndToEnd):
    def test_usage_of_the_readme_runs_in_this_order(self):
        gateway, *steps = [shlex.split(line, comments=True)
                           for line in section("README.md", "Usage").split("```")[1].splitlines()
                           if line]
        self.assertEqual((gateway[0], gateway[-1]), ("build/release/echogw", "&"))
        flags = [word.replace(":7000", "127.0.0.1:0") for word in gateway[1:-1]]
        reactors = flags.pop(flags.index("--reactors") + 1)
        flags.remove("--reactors")
        server = self.gateway(*flags, reactors=reactors)
        udp = re.search(r"^udp on (\S+)$", server.out.text(), re.M).group(1)
        for words in steps:
            with self.subTest(" ".join(words)):
                self.assertEqual(words[0], "build/release/echogwctl")
                to = udp if "--udp" in words else server.target
                words = [word.replace("127.0.0.1:7000", to) for word in words[1:]]
                if "--watch" in words:
                    words.remove("--watch")
                if words[0] in ("bench", "soak"):
                    words += ["--duration", "1s"]
                self.ctl(server, *words, timeout=60)
                server.follow(self.pid_of(server))

    def test_images_know_their_revision(self):
        builds = commands("docker (build|compose)")
        self.assertGreater(len(builds), 2)
        for line in builds:
            if "--build" in line or "docker build" in line:
                self.assertRegex(line, r"REVISION=\$\(git rev-parse", line)

    def test_containers_publish_metrics_on_loopback_only(self):
        runs = commands("docker run")
        self.assertGreater(len(runs), 1)
        for line in runs:
            if "--network host" in line:
                self.assertIn("ECHOGW_METRICS=127.0.0.1:7002", line)
            else:
                self.assertNotRegex(line, r"(?<!127\.0\.0\.1:)7002:7002", line)


class Tables(EndToEnd):
    def test_settings_and_their_defaults(self):
        shown = run(ECHOGW, "--print-config").out
        for group, cell in rows(section("deploy/README.md", "Configuration")):
            with self.subTest(group):
                documented = dict(re.findall(r"`([\w-]+)` ([^,]+)(?:, |$)", cell))
                part = re.search(rf"^# {group}\n(.*?)(?:\n\n|\Z)", shown, re.M | re.S).group(1)
                printed = dict(re.findall(r"^([\w-]+) = (.*?)  # default", part, re.M))
                self.assertEqual(documented, printed)
                shown = shown.replace(part, "")
        self.assertEqual(tomllib.loads(shown), {})

    def test_words_of_listen(self):
        words = [row[0].strip("`") for row in rows(section("server/README.md", "Services"))]
        described = re.search(r"--listen \[WORD.*?(?=--listen-udp)", run(ECHOGW, "--help").out, re.S)
        for word in words:
            self.assertRegex(described.group(), rf"\b{word}\b")
        # The error names the modes, which come first.
        refused = run(ECHOGW, "--listen", "nonsense@:7")
        modes = words[:words.index("tls")]
        self.assertIn(", ".join(modes), refused.err)

    def test_limits_and_the_reasons_they_count_by(self):
        table = rows(section("server/README.md", "Limits"))
        documented = set(re.findall(r"--([\w-]+)", " ".join(row[0] for row in table)))
        printed = re.search(r"^# Limits\n(.*?)\n\n", run(ECHOGW, "--print-config").out, re.M | re.S)
        settings = set(re.findall(r"^([\w-]+) =", printed.group(1), re.M))
        self.assertEqual(documented, settings - {"accept-excess"})
        reasons = {dict(labels).get("reason") for _, labels in Scrape(self.gateway()).values}
        for row in table:
            if row[3]:
                self.assertIn(row[3].strip("`"), reasons)
