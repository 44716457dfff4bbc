"""Goal: a protected admin port serves callers with valid credentials as far as their role allows,
and refuses all others; credentials may change while the gateway runs.
Method: the real binaries, with tokens and certificates made by openssl."""

import base64
import contextlib
import os
import ssl
import time
import unittest
import urllib.error
import urllib.request

from exporter import Scrape
from harness import ECHOGWCTL, SANITIZER, EndToEnd, run, split_address, wait_until
from wire import connect

ALICE, GRAFANA, LATER = "a" * 32, "0123456789abcdef-viewer", "b" * 40


MIB = 1 << 20


def http2_frame(kind, data):
    """A frame of stream 1 without flags."""
    return len(data).to_bytes(3, "big") + bytes([kind, 0, 0, 0, 0, 1]) + data


class AccessCase(EndToEnd):
    def setUp(self):
        self.folder = self.temporary_folder()
        os.chmod(self.folder, 0o755)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        """Writes a new file and renames it, as documented."""
        with open(self.path(name + ".new"), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.path(name + ".new"), 0o600)
        os.rename(self.path(name + ".new"), self.path(name))
        return self.path(name)

    def openssl(self, *arguments):
        result = run(self.need_tool("openssl"), *arguments)
        self.assertEqual(result.code, 0, result)

    def authority(self, name):
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                     "-nodes", "-keyout", self.path(name + ".key"), "-out",
                     self.path(name + ".pem"), "-days", "2", "-subj", "/CN=" + name,
                     # Python from 3.13 on trusts no authority without it.
                     "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        return self.path(name + ".pem")

    def certificate(self, name, authority, names):
        """Creates NAME.pem and NAME.key."""
        part = self.path(name)
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                     "-keyout", part + ".key", "-out", part + ".csr", "-subj", "/CN=" + name)
        with open(part + ".ext", "w", encoding="utf-8") as file:
            file.write("subjectAltName=" + names)
        self.openssl("x509", "-req", "-in", part + ".csr", "-CA", self.path(authority + ".pem"),
                     "-CAkey", self.path(authority + ".key"), "-set_serial", "1", "-days", "2",
                     "-extfile", part + ".ext", "-out", part + ".pem")
        return part + ".pem", part + ".key"

    def ask(self, gateway, *arguments, env=None):
        return run(ECHOGWCTL, "--target", gateway.admin, *arguments, env=env)

    def expect(self, code, gateway, *arguments, env=None, says=()):
        result = self.ask(gateway, *arguments, env=env)
        self.assertEqual(result.code, code, result)
        if code != 0:
            self.one_line(result.err, *says)
        return result


class Tokens(AccessCase):
    def setUp(self):
        super().setUp()
        self.tokens = self.write("tokens", f"operator alice {ALICE}\nviewer grafana {GRAFANA}\n")
        self.alice = self.write("alice", ALICE + "\n")
        self.server = self.gateway("--admin-token-file", self.tokens)

    def test_roles(self):
        self.expect(1, self.server, "stats", says=("denied access", "--token-file"))
        self.expect(1, self.server, "stats", env={"ECHOGW_TOKEN": "f" * 32},
                    says=("denied access",))
        self.expect(0, self.server, "health")
        viewer = {"ECHOGW_TOKEN": GRAFANA}
        self.expect(0, self.server, "stats", env=viewer)
        self.expect(1, self.server, "resize", "3", env=viewer, says=("denied access", "operator"))
        self.expect(0, self.server, "log-level", env=viewer)
        self.expect(1, self.server, "log-level", "debug", env=viewer,
                    says=("denied access", "operator"))
        self.expect(0, self.server, "--token-file", self.alice, "resize", "3", "--wait")
        self.expect(0, self.server, "events", env={"ECHOGW_TOKEN_FILE": self.alice})
        self.assertIsNotNone(self.server.err.wait_for("token alice"))
        self.assertNotIn(ALICE, self.server.err.text())
        scrape = Scrape(self.server)
        self.assertEqual(scrape.total("echogw_admin_refused_total"), 4)

    def test_change_while_it_runs(self):
        self.write("tokens", f"operator alice {LATER}\n")
        new = {"ECHOGW_TOKEN": LATER}
        wait_until(lambda: self.ask(self.server, "stats", env=new).code == 0, "the new token", 5)
        self.expect(1, self.server, "--token-file", self.alice, "stats")
        # An unreadable file changes nothing.
        self.write("tokens", "operator alice\n")
        self.assertIsNotNone(self.server.err.wait_for(r"error .*tokens.*line 1"))
        self.expect(0, self.server, "stats", env=new)
        self.assertGreater(Scrape(self.server).total("echogw_credential_load_failures_total"), 0)

    def test_a_header_that_does_not_end_costs_a_bounded_memory(self):
        before = self.server.resident_bytes()
        part = http2_frame(9, (b"\0\x08x-header\x64" + b"v" * 100) * 100) * 16
        sent = 0
        with connect(split_address(self.server.admin)) as client:
            client.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0")
            with contextlib.suppress(OSError):
                client.sendall(http2_frame(1, b"\0\x07:method\x04POST"))
                while sent < 128 * MIB:
                    client.sendall(part)
                    sent += len(part)
            grown = self.server.resident_bytes() - before
        if not SANITIZER:  # the address sanitizer keeps freed memory
            self.assertLess(grown, 48 * MIB)
        self.expect(0, self.server, "--token-file", self.alice, "stats")

    def test_are_not_sent_in_plain_text_to_others(self):
        result = run(ECHOGWCTL, "--target", "192.0.2.1:7001", "stats", "--token-file", self.alice)
        self.assertEqual(result.code, 2, result)
        self.one_line(result.err, "plain text", "--tls")

    def test_bad_papers_are_wrong_usage(self):
        for arguments, part in ((("--token-file", "/nowhere"), "/nowhere"),
                                (("--token-file", self.tokens), "one token"),
                                (("--ca-cert", self.alice), "PEM"),
                                (("--client-cert", self.alice), "--client-key")):
            with self.subTest(arguments):
                self.expect(2, self.server, "stats", *arguments, says=(part,))


class Tls(AccessCase):
    def test_gateway_is_verified_and_its_certificate_renewed(self):
        old, new = self.authority("old"), self.authority("new")
        cert, key = self.certificate("gw", "old", "IP:127.0.0.1,DNS:gw.example")
        server = self.gateway("--admin-tls-cert", cert, "--admin-tls-key", key,
                              "--admin-token-file", self.write("tokens", f"operator a {ALICE}\n"))
        env = {"ECHOGW_TOKEN": ALICE}
        self.expect(0, server, "--ca-cert", old, "stats", env=env)
        self.expect(0, server, "stats", "--server-name", "gw.example",
                    env={"ECHOGW_CA_CERT": old, **env})
        self.expect(3, server, "--ca-cert", new, "stats", env=env,
                    says=("(certificate verify failed)", "--ca-cert"))
        self.expect(3, server, "--ca-cert", old, "--server-name", "other.example", "stats", env=env,
                    says=("other.example", "--server-name"))
        self.expect(2, server, "--ca-cert", key, "stats", env=env,
                    says=("contains no certificate in PEM format",))
        self.expect(2, server, "--ca-cert", old, "--client-cert", old, "--client-key", key, "stats",
                    env=env, says=("do certificate and key match",))
        self.expect(3, server, "stats", says=("TLS",))
        self.certificate("next", "new", "IP:127.0.0.1")
        # One after the other, as tools do; in between they do not match.
        for end in (".key", ".pem"):
            os.rename(self.path("next" + end), self.path("gw" + end))
        wait_until(lambda: self.ask(server, "--ca-cert", new, "stats", env=env).code == 0,
                   "the new certificate", 6)
        self.expect(3, server, "--ca-cert", old, "stats", env=env)
        ends = Scrape(server).total("echogw_certificate_expiration_timestamp_seconds")
        self.assertLess(abs(ends - time.time() - 2 * 86400), 3600)

    def test_client_certificates_have_roles(self):
        authority = self.authority("ca")
        self.authority("stranger")
        cert, key = self.certificate("gw", "ca", "IP:127.0.0.1")
        server = self.gateway("--admin-tls-cert", cert, "--admin-tls-key", key,
                              "--admin-tls-client-ca", authority,
                              "--admin-tls-operators", "ops.example",
                              "--admin-tls-viewers", "look.example")

        def papers(name, signer, names):
            client_cert, client_key = self.certificate(name, signer, names)
            return ("--ca-cert", authority, "--client-cert", client_cert, "--client-key",
                    client_key)

        ops = papers("ops", "ca", "DNS:ops.example")
        look = papers("look", "ca", "DNS:look.example")
        self.expect(0, server, *ops, "resize", "3", "--wait")
        self.assertIsNotNone(server.err.wait_for("certificate ops.example"))
        self.expect(0, server, *look, "stats")
        self.expect(1, server, *look, "resize", "2", says=("denied access",))
        self.expect(1, server, *papers("third", "ca", "DNS:third.example"), "stats",
                    says=("denied access",))
        self.expect(3, server, "--ca-cert", authority, "stats", says=("--client-cert",))
        self.expect(3, server, *papers("self", "stranger", "DNS:ops.example"), "stats")


class Metrics(AccessCase):
    def get(self, gateway, path, context=None, **headers):
        url = f"{'https' if context else 'http'}://{gateway.metrics}{path}"
        request = urllib.request.Request(url, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=20, context=context) as response:
                return response.status
        except urllib.error.HTTPError as error:
            return error.code

    def test_tokens(self):
        server = self.gateway("--metrics-token-file",
                              self.write("tokens", f"viewer grafana {GRAFANA}\n"))
        basic = base64.b64encode(f"grafana:{GRAFANA}".encode()).decode()
        self.assertEqual(self.get(server, "/metrics"), 401)
        self.assertEqual(self.get(server, "/metrics", Authorization="Bearer " + ALICE), 401)
        self.assertEqual(self.get(server, "/metrics", Authorization="Bearer " + GRAFANA), 200)
        self.assertEqual(self.get(server, "/", Authorization="Basic " + basic), 200)
        self.assertEqual(self.get(server, "/-/healthy"), 200)
        self.write("tokens", f"operator alice {ALICE}\n")
        wait_until(lambda: self.get(server, "/", Authorization="Bearer " + ALICE) == 200,
                   "the new token")
        self.assertEqual(self.get(server, "/", Authorization="Bearer " + GRAFANA), 401)

    def test_certificates_are_renewed(self):
        trusts = {name: ssl.create_default_context(cafile=self.authority(name))
                  for name in ("old", "new")}
        cert, key = self.certificate("gw", "old", "IP:127.0.0.1")
        server = self.gateway("--metrics-tls-cert", cert, "--metrics-tls-key", key)
        self.assertEqual(self.get(server, "/metrics", trusts["old"]), 200)
        self.certificate("next", "new", "IP:127.0.0.1")
        for end in (".key", ".pem"):
            os.rename(self.path("next" + end), self.path("gw" + end))

        def renewed():
            try:
                return self.get(server, "/-/healthy", trusts["new"]) == 200
            except urllib.error.URLError:
                return False

        wait_until(renewed, "the new certificate")


class UnixSocket(AccessCase):
    def test_the_kernel_says_who_calls(self):
        if os.geteuid() != 0:
            self.unmet("needs root, to call as another user")
        server = self.gateway("--admin-unix-mode", "0666", metrics="off",
                              admin="unix:" + self.path("admin.sock"))
        self.expect(0, server, "resize", "3", "--wait")
        self.assertIsNotNone(server.err.wait_for("uid 0"))
        nobody = (self.need_tool("setpriv"), "--reuid=65534", "--regid=65534", "--clear-groups",
                  ECHOGWCTL, "--target", server.admin)
        # The binaries may be in a directory that other users cannot read.
        if run(*nobody, "version", "--client").code != 0:
            self.unmet("another user may not run echogwctl from here")
        self.assertEqual(run(*nobody, "stats").code, 0)
        refused = run(*nobody, "resize", "2")
        self.assertEqual(refused.code, 1, refused)
        self.one_line(refused.err, "denied access")


if __name__ == "__main__":
    unittest.main()
