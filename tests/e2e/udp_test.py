"""Goal: the gateway echoes datagrams from the address they were sent to and loses none while it
changes. Method: plain sockets, and `echogwctl bench --udp` with few datagrams in flight, so that no
queue overflows."""

import re
import socket
import threading

from exporter import Scrape
from harness import ECHOGWCTL, EndToEnd, run, split_address, wait_until

SIZES = (0, 1, 1472, 65507)


def udp_addresses(gateway):
    return [split_address(a) for a in re.findall(r"^udp on (\S+)$", gateway.out.text(), re.M)]


class UdpCase(EndToEnd):
    def echo(self, address, data, source=None, family=socket.AF_INET):
        """Sends `data` and checks that it is echoed from the same address."""
        with socket.socket(family, socket.SOCK_DGRAM) as client:
            client.settimeout(10)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            if source is not None:
                client.bind(source)
            client.sendto(data, address)
            answer, sender = client.recvfrom(65536)
        self.assertEqual(answer, data)
        self.assertEqual(sender[:2], address)

    def bench(self, gateway, *arguments, expect=0):
        host, port = udp_addresses(gateway)[0]
        result = run(ECHOGWCTL, "bench", f"{host}:{port}", "--udp", "-o", "json", *arguments,
                     timeout=60)
        self.assertEqual(result.code, expect, result)
        return result.json()


class Echo(UdpCase):
    def test_every_size_over_both_families_from_the_address_it_was_sent_to(self):
        gateway = self.gateway("--listen-udp", "0.0.0.0:0", "--listen-udp", "[::1]:0")
        (_, four), (_, six) = udp_addresses(gateway)
        for size in SIZES:
            data = bytes(i * 7 & 0xFF for i in range(size))
            for host in ("127.0.0.1", "127.0.0.5", "127.77.1.2"):
                self.echo((host, four), data, ("127.9.9.9", 0))
            self.echo(("::1", six), data, family=socket.AF_INET6)
        # A reply is counted when it is sent; the client may receive it earlier.
        wait_until(lambda: self.stats(gateway)["total"]["udp"]["sent_bytes"] >= 4 * sum(SIZES),
                   "every answer counted")
        stats = self.stats(gateway)["total"]["udp"]
        self.assertEqual(stats["received_datagrams"], 16)
        self.assertEqual(stats["sent_datagrams"], 16)
        self.assertEqual(stats["sent_bytes"], 4 * sum(SIZES))

    def test_one_socket_for_both_families(self):
        gateway = self.gateway("--listen-udp", "[::]:0", "--transform", "upper")
        ((_, port),) = udp_addresses(gateway)
        for host, family in (("127.0.0.3", socket.AF_INET), ("::1", socket.AF_INET6)):
            with socket.socket(family, socket.SOCK_DGRAM) as client:
                client.settimeout(10)
                client.connect((host, port))
                client.send(b"Upper, please")
                self.assertEqual(client.recv(100), b"UPPER, PLEASE")

    def test_every_poller(self):
        for poller in ("epoll", "poll", "select"):
            gateway = self.gateway("--listen-udp", "127.0.0.1:0", "--poller", poller)
            self.echo(udp_addresses(gateway)[0], b"through " + poller.encode())

    def test_settings_and_what_is_told(self):
        gateway = self.gateway(env={"ECHOGW_LISTEN_UDP": "127.0.0.1:0"})
        ((host, port),) = udp_addresses(gateway)
        info = self.ctl_json(gateway, "info")
        self.assertEqual(info["udp_addresses"], [f"{host}:{port}"])
        self.echo((host, port), b"x")
        self.assertIn("1 received", self.ctl(gateway, "stats").out)
        self.assertIn("UDP IN", self.ctl(gateway, "reactors").out)
        plain = self.gateway()
        self.assertEqual(udp_addresses(plain), [])
        self.assertNotIn("Datagrams", self.ctl(plain, "stats").out)
        self.assertNotIn("UDP", self.ctl(plain, "reactors").out)

    def test_a_service_port_is_not_answered(self):
        gateway = self.gateway("--listen-udp", "127.0.0.1:0")
        address = udp_addresses(gateway)[0]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as service:
            try:
                service.bind(("127.0.0.1", 7))
            except PermissionError:
                self.unmet("port 7 needs root")
            service.sendto(b"loop", address)
            wait_until(lambda: self.stats(gateway)["total"]["udp"]["dropped"]["service_port"] == 1,
                       "the datagram is dropped")
            service.setblocking(False)
            self.assertRaises(BlockingIOError, service.recv, 100)

    def test_a_port_that_the_gateway_echoes_on_is_not_answered(self):
        gateway = self.gateway("--listen-udp", "127.0.0.1:0", "--listen-udp", "127.0.0.1:0",
                               reactors=4)
        one, other = udp_addresses(gateway)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as forger:
            forger.bind(("127.0.0.2", other[1]))
            forger.sendto(b"loop", one)
            forger.sendto(b"loop", other)
            wait_until(lambda: self.stats(gateway)["total"]["udp"]["dropped"]["own_port"] == 2,
                       "the datagrams are dropped")
            forger.setblocking(False)
            self.assertRaises(BlockingIOError, forger.recv, 100)
        self.assertIn("from the port of an echo", self.ctl(gateway, "stats").out)
        self.echo(one, b"a client")

    def test_a_port_that_is_taken(self):
        gateway = self.gateway("--listen-udp", "127.0.0.1:0")
        host, port = udp_addresses(gateway)[0]
        other = run(*gateway.command[:1], "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0",
                    "--metrics", "off", "--listen-udp", f"{host}:{port}")
        self.assertEqual(other.code, 1, other)
        self.one_line(other.err, f"UDP {host}:{port}", "in use")


class Live(UdpCase):
    def test_resizes_lose_no_datagram(self):
        for steering in ("on", "off"):
            gateway = self.gateway("--listen-udp", "127.0.0.1:0", "--steering", steering,
                                   reactors=8)
            found = {}
            load = threading.Thread(target=lambda: found.update(
                self.bench(gateway, "-c", "8", "-p", "4", "-d", "1500ms", "--answer-timeout", "5s")))
            load.start()
            resizes = 0
            while load.is_alive():
                for target in ("2", "8"):
                    self.ctl(gateway, "resize", target, "--wait")
                    resizes += 1
            load.join()
            self.assertEqual(found["lost"] + found["late"] + found["wrong"], 0, found)
            self.assertEqual(found["sent"], found["answered"])
            self.assertGreaterEqual(resizes, 4)
            stats = self.stats(gateway)
            self.assertEqual(stats["total"]["udp"]["received_datagrams"], found["sent"])
            self.assertEqual(sum(s["drops"] for r in stats["reactors"]
                                 for s in r.get("udp_sockets", [])), 0)
            print(f"\nsteering {steering}: {found['sent']} datagrams, {resizes} resizes, 0 lost")

    def test_a_drain_follows_the_refusal(self):
        gateway = self.gateway("--listen-udp", "127.0.0.1:0", "--drain-spread", "20s",
                               "--drain-deadline", "20s", "--drain-refuse", "reset")
        address = udp_addresses(gateway)[0]
        with socket.create_connection(gateway.address), \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            self.echo(address, b"before")
            self.ctl(gateway, "drain", "--quiet-period", "0s", "--deadline", "20s", "--spread",
                     "20s")

            def refused():
                client.sendto(b"refused", address)
                return self.stats(gateway)["total"]["udp"]["dropped"]["draining"] > 0

            wait_until(refused, "datagrams are dropped")
            self.ctl(gateway, "undrain")
            self.echo(address, b"after")
            metrics = Scrape(gateway).text
        self.assertRegex(metrics,
                         r'echogw_udp_dropped_datagrams_total\{[^}]*reason="draining"\} [1-9]')
        self.assertIn("echogw_udp_socket_drops_total", metrics)
