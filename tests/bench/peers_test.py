"""The peers of every build echo every byte, and the check detects faulty ones."""

import os
import socket
import threading
import unittest

import echo_check
import targets

BUILD = os.environ["ECHOGW_BENCH_BUILD"]
BUILT = ("epoll", "epoll-level", "poll", "select", "threads", "blocking")


class Peers(unittest.TestCase):
    def test_every_peer_returns_every_byte(self):
        peers = {each.name: each for each in targets.everything(BUILD)}
        for name in BUILT:
            with self.subTest(name), peers[name].start("0-1023") as server:
                at_once = peers[name].clients_at_a_time != 1
                self.assertEqual(echo_check.problem_of(server.address, at_once), "")

    def test_select_refuses_what_has_no_place(self):
        peer = next(each for each in targets.everything(BUILD) if each.name == "select")
        with peer.start("0-1023") as server:
            host, port = server.address.split(":")
            held = []
            try:
                for _ in range(targets.FD_SETSIZE - peer.own_descriptors):
                    held.append(socket.create_connection((host, int(port)), timeout=20))
                held[-1].sendall(b"x")
                self.assertEqual(held[-1].recv(1), b"x")
                with socket.create_connection((host, int(port)), timeout=20) as late:
                    self.assertEqual(late.recv(1), b"")
                held[0].sendall(b"y")
                self.assertEqual(held[0].recv(1), b"y")
            finally:
                for connection in held:
                    connection.close()


class Check(unittest.TestCase):
    """A server with one fault."""

    def problem(self, serve):
        with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
            def accept():
                while True:
                    try:
                        connection, _ = listener.accept()
                    except OSError:
                        return
                    threading.Thread(target=serve, args=(connection,), daemon=True).start()

            threading.Thread(target=accept, daemon=True).start()
            problem = echo_check.problem_of("127.0.0.1:%d" % listener.getsockname()[1])
            listener.shutdown(socket.SHUT_RDWR)
            return problem

    @staticmethod
    def echo(change):
        def serve(connection):
            with connection:
                total = 0
                try:
                    while data := connection.recv(65536):
                        connection.sendall(change(data, total))
                        total += len(data)
                except OSError:
                    pass
        return serve

    def test_honest(self):
        self.assertEqual(self.problem(self.echo(lambda data, _: data)), "")

    def test_a_flipped_byte(self):
        flip = self.echo(lambda data, total: data[:-1] + bytes([data[-1] ^ 1]) if total > 1 << 20
                         else data)
        self.assertEqual(self.problem(flip), "the bytes of a long stream differ")

    def test_a_lost_byte(self):
        lose = self.echo(lambda data, total: data[1:] if total > 1 << 20 else data)
        self.assertIn("early", self.problem(lose))

    def test_bytes_nobody_sent(self):
        self.assertNotEqual(self.problem(self.echo(lambda data, _: data + b"x")), "")


if __name__ == "__main__":
    unittest.main()
