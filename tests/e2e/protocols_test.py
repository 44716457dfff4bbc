"""Goal: services other than plain echo keep their protocol and their connections through all
changes by an operator. Method: the real binary, clients that check every byte, and resizes
meanwhile."""

import os
import signal
import socket
import ssl
import struct
import unittest

from exporter import get
from harness import ECHOGW, ECHOGWCTL, TIMEOUT, EndToEnd, run, split_address, wait_until
from wire import connect, exchange, outcome, pattern, ping, recv_exactly

CLIENT = "192.0.2.1:1000"
V1 = b"PROXY TCP4 192.0.2.1 198.51.100.2 1000 443\r\n"
V2 = (b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + struct.pack(">H", 12) + bytes([192, 0, 2, 1, 198, 51, 100, 2])
      + struct.pack(">HH", 1000, 443))


def chargen(size, offset=0):
    """RFC 864: 95 characters, lines of 72 that start at each in turn."""
    graphic = bytes(range(0x20, 0x7F))
    period = b"".join((graphic * 2)[i:i + 72] + b"\r\n" for i in range(95))
    start = offset % len(period)
    return (period * (size // len(period) + 2))[start:start + size]


class ProtocolCase(EndToEnd):
    def conns(self, gateway, *arguments):
        return self.ctl_json(gateway, "conns", *arguments)["connections"]

    def at(self, gateway, word):
        """The address that serves `word`."""
        spec = next(a for a in gateway.listen if word in a.split("@")[0].split("+"))
        return split_address(spec.split("@")[1])

    def shake(self, gateway, after_each):
        """Resizes several times and calls after_each() each time."""
        for target in (4, 1, 3, 2):
            self.ctl(gateway, "resize", str(target), "--wait")
            after_each()


class Proxy(ProtocolCase):
    def test_the_client_is_whom_the_header_names(self):
        gateway = self.gateway(listen=("proxy@127.0.0.1:0", "127.0.0.1:0"))
        address = self.at(gateway, "proxy")
        with connect(address) as one, connect(address) as two, connect(address) as cut:
            for i in range(len(V2)):
                two.sendall(V2[i:i + 1])
            cut.sendall(V1[:20])
            one.sendall(V1)
            for client in (one, two):
                self.assertEqual(ping(client), b"ping")
            named = self.conns(gateway, "--peer", "192.0.2.0/24")
            self.assertEqual([c["peer"] for c in named], [CLIENT, CLIENT])
            for c in named:
                self.assertTrue(c["proxied_by"].startswith("127.0.0.1:"), c)
            # Without a header yet, the peer is the proxy.
            self.assertEqual(len(self.conns(gateway, "--peer", "127.0.0.0/8")), 1)
            shown = self.ctl(gateway, "conns", "--id", str(named[0]["id"])).out
            self.assertRegex(shown, rf"(?m)^Peer +{CLIENT}$")
            self.assertRegex(shown, r"(?m)^Proxied by +127.0.0.1:")

            def all_echo():
                for client in (one, two):
                    self.assertEqual(ping(client, pattern(5000)), pattern(5000))
            self.shake(gateway, all_echo)
            # It also moved in the middle of a header.
            cut.sendall(V1[20:] + b"late")
            self.assertEqual(recv_exactly(cut, 4), b"late")
            self.ctl(gateway, "close", "--peer", "192.0.2.1", "--yes")
            self.assertEqual({outcome(c) for c in (one, two, cut)}, {"fin"})
        headers = self.stats(gateway)["total"]["proxy_headers"]
        self.assertEqual((headers["v1"], headers["v2"]), (2, 1))
        self.assertIn('echogw_proxy_headers_total{reactor="0",result="v1"}',
                      get(gateway, "/metrics")[2].decode())

    def test_no_service_without_a_good_header(self):
        gateway = self.gateway("--handshake-timeout", "200ms", listen=("proxy@127.0.0.1:0",))
        address = self.at(gateway, "proxy")
        for bad in (b"hello\r\n", V1.replace(b"1000", b"01000"), b"PROXY UNKNOWN" + b" " * 200):
            with connect(address) as client:
                client.sendall(bad)
                self.assertIn(outcome(client), ("fin", "reset"))
        with connect(address) as silent:
            self.assertEqual(outcome(silent), "fin")
        total = self.stats(gateway)["total"]
        self.assertEqual(total["connections_closed"]["proxy_header"], 3)
        self.assertEqual(total["connections_closed"]["handshake_timeout"], 1)
        headers = total["proxy_headers"]
        self.assertEqual([headers[k] for k in ("missing", "malformed", "too_long", "timed_out")],
                         [1, 1, 1, 1])
        self.assertEqual(total["sent_bytes"], 0)

    def test_a_header_may_be_long(self):
        gateway = self.gateway(listen=("proxy@127.0.0.1:0",))
        with connect(self.at(gateway, "proxy")) as client:
            tlv = b"\x20" + (60_000).to_bytes(2, "big") + b"c" * 60_000
            size = len(V2) - 16 + len(tlv)
            client.sendall(V2[:14] + size.to_bytes(2, "big") + V2[16:] + tlv + b"hello")
            self.assertEqual(recv_exactly(client, 5), b"hello")
            self.assertEqual(len(self.conns(gateway, "--peer", CLIENT.rsplit(":", 1)[0])), 1)

    def test_an_optional_header(self):
        gateway = self.gateway(listen=("proxy-optional@127.0.0.1:0",))
        address = self.at(gateway, "proxy-optional")
        for payload in (b"hello", b"PROXIMA", b"\r\n\r\nx", pattern(100000)):
            with connect(address) as client:
                self.assertEqual(exchange(client, payload), payload)
            with connect(address) as client:
                client.sendall(V2)
                self.assertEqual(exchange(client, payload), payload)
        headers = self.stats(gateway)["total"]["proxy_headers"]
        self.assertEqual((headers["absent"], headers["v2"]), (4, 4))


class Modes(ProtocolCase):
    def test_each_keeps_its_protocol_through_resizes(self):
        gateway = self.gateway(
            "--instance", "gw-7",
            listen=("127.0.0.1:0", "discard@127.0.0.1:0", "chargen@127.0.0.1:0",
                    "banner@127.0.0.1:0"))
        self.assertEqual([a.rpartition("@")[0] for a in gateway.listen],
                         ["", "discard", "chargen", "banner"])
        with connect(self.at(gateway, "discard")) as sink, \
                connect(self.at(gateway, "chargen"), rcvbuf=8192) as source, \
                connect(self.at(gateway, "banner")) as banner:
            line = banner.makefile("rb").readline().decode()
            address = "%s:%d" % banner.getsockname()
            mine = next(c for c in self.conns(gateway) if c["peer"] == address)
            self.assertEqual(mine["mode"], "banner")
            self.assertRegex(line, rf"^echogw instance=gw-7 host=\S+ reactor={mine['reactor']} "
                             rf"cpu=\d+ connection={mine['id']} peer={address} "
                             rf"local=127.0.0.1:\d+\n$")
            self.assertEqual(sorted(c["mode"] for c in self.conns(gateway)),
                             ["banner", "chargen", "discard"])
            taken = [0, 0]

            def all_serve():
                self.assertEqual(ping(banner, pattern(3000)), pattern(3000))
                part = recv_exactly(source, 200000)
                self.assertTrue(part == chargen(200000, taken[0]), "chargen's bytes")
                taken[0] += len(part)
                sink.sendall(pattern(50000))
                taken[1] += 50000

            self.shake(gateway, all_serve)
            sink.shutdown(socket.SHUT_WR)
            self.assertEqual(outcome(sink), "fin")
        wait_until(lambda: self.stats(gateway)["total"]["connections_active"] == 0, "all gone")
        total = self.stats(gateway)["total"]
        self.assertEqual(total["received_bytes"], taken[1] + 4 * 3000)

    def test_a_chargen_client_that_does_not_read_costs_nothing(self):
        gateway = self.gateway("--sndbuf", "16KiB", listen=("chargen@127.0.0.1:0",), reactors=1)
        clients = [connect(self.at(gateway, "chargen"), rcvbuf=8192) for _ in range(20)]

        def at_rest(last=[0]):
            sent = self.stats(gateway)["total"]["sent_bytes"]
            rested, last[0] = sent == last[0] > 0, sent
            return rested
        wait_until(at_rest, "nothing is sent any more")
        total = self.stats(gateway)["total"]
        self.assertEqual(total["pending_bytes"], 0)
        self.assertLess(total["sent_bytes"], 20 * (1 << 20))
        busy = total["loop_busy_nanoseconds"]
        self.assertEqual(recv_exactly(clients[7], 300000), chargen(300000))
        self.assertLess(self.stats(gateway)["total"]["loop_busy_nanoseconds"] - busy, 2e9)
        for client in clients:
            client.close()


class UnixSocket(ProtocolCase):
    def setUp(self):
        self.path = os.path.join(self.temporary_folder(), "echo.sock")

    def client(self):
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        client.settimeout(TIMEOUT)
        self.addCleanup(client.close)
        client.connect(self.path)
        return client

    def test_all_reactors_serve_it_through_resizes(self):
        gateway = self.gateway(listen=(f"unix:{self.path}", "127.0.0.1:0"), reactors=4)
        self.assertEqual(gateway.listen[0], f"unix:{self.path}")
        clients = [self.client() for _ in range(12)]
        for client in clients:
            self.assertEqual(ping(client), b"ping")
        shown = self.conns(gateway)
        self.assertEqual({c["peer"] for c in shown}, {f"unix:pid={os.getpid()},uid={os.getuid()}"})
        self.assertEqual({c["local"] for c in shown}, {f"unix:{self.path}"})
        self.assertEqual(sorted(c["reactor"] for c in shown), sorted([0, 1, 2, 3] * 3))

        def all_echo():
            for client in clients:
                self.assertEqual(ping(client, pattern(2000)), pattern(2000))
        self.shake(gateway, all_echo)
        self.ctl(gateway, "drain", "--reactor", "0", "--wait")
        all_echo()
        self.ctl(gateway, "undrain", "--reactor", "0")
        soak = run(ECHOGWCTL, "--target", gateway.admin, "soak", f"unix:{self.path}",
                   "--connections", "2000", "--resize", "4,1,3", "--every", "50ms", timeout=60)
        self.assertEqual(soak.code, 0, soak)
        bench = run(ECHOGWCTL, "bench", f"unix:{self.path}", "-c", "8", "--messages", "2000",
                    "-o", "json").json()
        self.assertEqual((bench["errors"]["total"], bench["wrong_bytes"]), (0, 0))
        self.assertEqual(bench["target"], f"unix:{self.path}")
        gateway.drained()
        self.assertEqual(os.listdir(os.path.dirname(self.path)), [])

    def test_only_one_serves_a_path_and_what_a_killed_one_left_is_replaced(self):
        gateway = self.gateway(listen=(f"unix:{self.path}",))
        second = run(ECHOGW, "--listen", f"unix:{self.path}", "--admin", "127.0.0.1:0",
                     "--metrics", "off")
        self.assertEqual(second.code, 1, second)
        self.one_line(second.err, self.path, "served by another process")
        gateway.signal(signal.SIGKILL)
        gateway.wait()
        self.assertTrue(os.path.exists(self.path))
        self.gateway("--unix-mode", "0600", listen=(f"banner@unix:{self.path}",))
        self.assertEqual(os.stat(self.path).st_mode & 0o777, 0o600)
        line = self.client().makefile("rb").readline().decode()
        self.assertIn(f" peer=unix:pid={os.getpid()},uid={os.getuid()} local=unix:{self.path}",
                      line)


class Tls(ProtocolCase):
    def setUp(self):
        openssl = self.need_tool("openssl")
        folder = self.temporary_folder()
        self.cert = os.path.join(folder, "cert.pem")
        self.key = os.path.join(folder, "key.pem")

        def make(name):
            for path in (self.cert, self.key):
                open(path + ".new", "w", encoding="ascii").close()
                os.chmod(path + ".new", 0o600)
            done = run(openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt",
                       "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                       "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                       "-keyout", self.key + ".new", "-out", self.cert + ".new")
            self.assertEqual(done.code, 0, done)
            os.rename(self.key + ".new", self.key)
            os.rename(self.cert + ".new", self.cert)
        self.make = make
        make("first")
        self.flags = ("--tls-cert", self.cert, "--tls-key", self.key)

    def wrapped(self, address, version=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.cert)
        if version:
            context.minimum_version = context.maximum_version = version
        client = context.wrap_socket(connect(address), server_hostname="localhost")
        self.addCleanup(client.close)
        return client

    def test_every_byte_through_resizes(self):
        gateway = self.gateway(*self.flags, listen=("tls@127.0.0.1:0",), reactors=3)
        address = self.at(gateway, "tls")
        clients = [self.wrapped(address, version)
                   for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3) * 3]
        self.assertEqual({c["tls_version"] for c in self.wait_for_conns(gateway, 6)},
                         {"TLSv1.2", "TLSv1.3"})

        def all_echo():
            for client in clients:
                self.assertEqual(ping(client, pattern(70000)), pattern(70000))
        all_echo()
        bench = self.process(ECHOGWCTL, "bench", "%s:%d" % address, "--tls", "--tls-ca", self.cert,
                             "-c", "10", "-s", "20KiB", "-p", "4", "-d", "60s", "-o", "json")
        wait_until(lambda: self.stats(gateway)["total"]["connections_active"] == 16, "all in")
        self.shake(gateway, all_echo)
        bench.signal(signal.SIGINT)
        self.assertEqual(bench.wait(), 4, bench.err.text())
        self.assertEqual(clients[0].unwrap().recv(1), b"")
        total = self.stats(gateway)["total"]
        self.assertEqual(total["tls_handshakes"], 16)
        self.assertEqual(sum(total["tls_failures"].values()), 0)
        self.assertGreater(total["connections_moved_in"], 4)

    def wait_for_conns(self, gateway, count):
        def served():
            shown = self.conns(gateway)
            return shown if len([c for c in shown if c["tls_version"]]) == count else None
        return wait_until(served, f"{count} handshakes")

    def test_failures_and_a_changed_certificate(self):
        gateway = self.gateway(*self.flags, listen=("tls+banner@127.0.0.1:0",))
        address = self.at(gateway, "tls")
        target = "%s:%d" % address
        with connect(address) as client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            self.assertIn(outcome(client), ("fin", "reset"))
        untrusted = run(ECHOGWCTL, "bench", target, "--tls", "--messages", "1", "-c", "1")
        self.assertEqual(untrusted.code, 3, untrusted)
        self.one_line(untrusted.err, "self-signed certificate", "--tls-ca")
        failures = self.stats(gateway)["total"]["tls_failures"]
        self.assertEqual((failures["not_tls"], failures["alert"]), (1, 1))
        self.assertIn('reason="not_tls"} ', get(gateway, "/metrics")[2].decode())
        greeted = run(ECHOGWCTL, "bench", target, "--tls", "--tls-ca", self.cert, "--banner",
                      "--messages", "100", "-c", "2", "-o", "json")
        self.assertEqual(greeted.json()["messages"], 100, greeted)

        def subject():
            client = self.wrapped(address)
            return dict(x[0] for x in client.getpeercert()["subject"])["commonName"]
        self.assertEqual(subject(), "first")
        self.make("second")
        gateway.err.wait_for("data: TLS certificate CN=second")
        self.assertEqual(subject(), "second")

    def test_openssl_s_client(self):
        gateway = self.gateway(*self.flags, listen=("tls+banner@127.0.0.1:0",), reactors=1)
        client = self.process("openssl", "s_client", "-connect", "%s:%d" % self.at(gateway, "tls"),
                              "-quiet", "-CAfile", self.cert, "-verify_return_error")
        self.assertIsNotNone(client.out.wait_for("^echogw instance="), client.err.text())

    def test_what_does_not_fit_is_refused(self):
        for flags, says in ((("--listen", "tls@127.0.0.1:0"), "needs tls-cert and tls-key"),
                            ((*self.flags, "--listen", "127.0.0.1:0"), "no address is served by TLS"),
                            (("--tls-cert", self.cert, "--listen", "tls@127.0.0.1:0"),
                             "need each other")):
            with self.subTest(says=says):
                result = run(ECHOGW, *flags)
                self.assertEqual(result.code, 2, result)
                self.one_line(result.err, says)
        os.rename(self.cert, self.key)
        result = run(ECHOGW, "--listen", "tls@127.0.0.1:0", *self.flags)
        self.assertEqual(result.code, 1, result)
        self.one_line(result.err, self.cert)


class Refused(EndToEnd):
    def test_what_is_not_a_service_is_one_clear_line(self):
        for listen, says in (("daytime@:0", "'daytime' is not one of echo, discard"),
                             ("proxy-optional+banner@:0", "banner speaks first; use proxy"),
                             ("echo+chargen@:0", "two modes"),
                             ("discard@", "has no port")):
            with self.subTest(listen=listen):
                result = run(ECHOGW, "--listen", listen)
                self.assertEqual(result.code, 2, result)
                self.one_line(result.err, "--listen", says)

    def test_the_settings_survive_printing(self):
        result = run(ECHOGW, "--listen", "proxy+banner@127.0.0.1:7", "--instance", "a",
                     "--print-config")
        self.assertEqual(result.code, 0, result)
        self.assertIn('"proxy+banner@127.0.0.1:7"', result.out)
        self.assertIn('instance = "a"', result.out)


if __name__ == "__main__":
    unittest.main()
