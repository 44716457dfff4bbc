"""The protocol of a handover (proto/echogw/handover/v1), for tests that are one of its sides."""

import os
import socket
import struct
import sys

sys.path.insert(0, os.environ.get("ECHOGW_PROTO_GEN", ""))
from echogw.handover.v1 import handover_pb2 as pb  # noqa: E402

_HEADER = struct.Struct("=4sII")
_MAGIC = b"EGW1"
_FDS_MAX = 253


class Channel:
    """Frames over one end of the socket. A frame is a message and its descriptors."""

    def __init__(self, sock):
        self.sock = sock
        self._bytes, self._action = 0, None
        # The other side may have made it non-blocking, which is a property of both descriptors.
        os.set_blocking(sock.fileno(), sock.gettimeout() is None)

    def after(self, size, action):
        """Calls `action` once, when `size` bytes have been received."""
        self._bytes, self._action = size, action

    def send(self, fds=(), **body):
        message = pb.Frame(**body).SerializeToString()
        data = _HEADER.pack(_MAGIC, len(message), len(fds)) + message
        sent = socket.send_fds(self.sock, [data], list(fds))
        self.sock.sendall(data[sent:])

    def receive(self):
        """The frame's body, its name, and descriptors that the caller owns. EOFError at the end."""
        fds = []
        magic, size, count = _HEADER.unpack(self._exactly(_HEADER.size, fds))
        if magic != _MAGIC:
            raise ValueError(f"not a frame: {magic}")
        frame = pb.Frame.FromString(self._exactly(size, fds))
        if len(fds) != count:
            raise ValueError(f"{len(fds)} of {count} descriptors")
        name = frame.WhichOneof("body")
        return name, getattr(frame, name), fds

    def _exactly(self, size, fds):
        data = b""
        while len(data) < size:
            most = size - len(data)
            if self._action is not None:
                most = min(most, self._bytes)
                if most == 0:
                    self._action()
            part, got, _, _ = socket.recv_fds(self.sock, most, _FDS_MAX)
            fds += got
            if not part:
                raise EOFError
            data += part
            self._bytes -= len(part)
        return data
