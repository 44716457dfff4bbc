"""A third-party client of the admin API: python3-grpcio and stubs generated from the .proto."""

import contextlib
import os
import sys

import grpc

_GEN = os.environ.get("ECHOGW_PROTO_GEN", "")
sys.path.insert(0, _GEN)
# grpc/health and grpc/reflection are generated into a directory named like the installed package
# grpc. This joins the two.
grpc.__path__.append(os.path.join(_GEN, "grpc"))

# pylint: disable=wrong-import-position
from echogw.admin.v1 import admin_pb2 as pb
from echogw.admin.v1 import admin_pb2_grpc
from grpc.health.v1 import health_pb2, health_pb2_grpc
from grpc.reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from harness import TIMEOUT

__all__ = ["Admin", "code_of", "grpc", "health_pb2", "pb", "reflection_pb2"]

HEALTH = health_pb2.HealthCheckResponse


class Admin:
    """A channel with all stubs. `call` makes unary calls with a deadline."""

    def __init__(self, gateway):
        # A unix path has the form of --admin.
        self.channel = grpc.insecure_channel(gateway.admin)
        self.stub = admin_pb2_grpc.AdminStub(self.channel)
        self.health = health_pb2_grpc.HealthStub(self.channel)
        self.reflection = reflection_pb2_grpc.ServerReflectionStub(self.channel)

    def close(self):
        self.channel.close()

    def call(self, method, **fields):
        """call("Resize", target=4) sends ResizeRequest(target=4)."""
        request = getattr(pb, method + "Request")(**fields)
        return getattr(self.stub, method)(request, timeout=TIMEOUT)

    def finish(self, operation):
        """Watches an operation until it ends."""
        last = operation
        for update in self.stub.WatchOperation(pb.WatchOperationRequest(id=operation.id),
                                               timeout=TIMEOUT):
            last = update.operation
        return last

    def serving(self, service=""):
        request = health_pb2.HealthCheckRequest(service=service)
        return self.health.Check(request, timeout=TIMEOUT).status

    def reflect(self, **fields):
        """The response to one reflection request."""
        request = reflection_pb2.ServerReflectionRequest(**fields)
        return next(iter(self.reflection.ServerReflectionInfo(iter([request]), timeout=TIMEOUT)))


@contextlib.contextmanager
def code_of(test, code, *parts):
    """Asserts that the block fails with the gRPC status `code` and that its details contain
    `parts`.

    The gateway explains its refusals; gRPC refuses an unknown method without details.
    """
    try:
        yield
    except grpc.RpcError as error:
        test.assertEqual(error.code(), code, error.details())
        if code != grpc.StatusCode.UNIMPLEMENTED:
            test.assertNotEqual(error.details(), "")
        for part in parts:
            test.assertIn(part, error.details())
    else:
        test.fail(f"no error; {code} was due")
