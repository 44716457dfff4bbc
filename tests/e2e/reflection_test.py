"""Goal: a client without the .proto can discover the whole API. Method: reflection v1alpha, and a
call made with the descriptors that it serves."""

import unittest

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from admin_api import Admin, grpc, pb
from harness import TIMEOUT, EndToEnd


class Reflection(EndToEnd):
    def setUp(self):
        self.admin = Admin(self.gateway())
        self.addCleanup(self.admin.close)

    def files_of(self, symbol):
        answer = self.admin.reflect(file_containing_symbol=symbol)
        self.assertFalse(answer.HasField("error_response"), answer)
        return [descriptor_pb2.FileDescriptorProto.FromString(raw)
                for raw in answer.file_descriptor_response.file_descriptor_proto]

    def test_services_are_listed(self):
        answer = self.admin.reflect(list_services="")
        self.assertEqual({s.name for s in answer.list_services_response.service},
                         {"echogw.admin.v1.Admin", "grpc.health.v1.Health",
                          "grpc.reflection.v1alpha.ServerReflection"})

    def test_health_is_described(self):
        # gRPC serves health without its descriptor unless the binary includes it.
        files = self.files_of("grpc.health.v1.Health")
        self.assertIn("Health", [s.name for f in files for s in f.service])
        self.assertIn("HealthCheckRequest", [m.name for f in files for m in f.message_type])

    def test_admin_is_described_in_full(self):
        served = {f.name: f for f in self.files_of("echogw.admin.v1.Admin")}
        ours = descriptor_pb2.FileDescriptorProto()
        pb.DESCRIPTOR.CopyToProto(ours)
        self.assertEqual(served["echogw/admin/v1/admin.proto"], ours)
        self.assertIn("google/protobuf/duration.proto", ours.dependency)

    def test_a_call_by_descriptors_alone(self):
        pool = descriptor_pool.DescriptorPool()
        known = {}
        waiting = ["echogw/admin/v1/admin.proto"]
        while waiting:
            name = waiting.pop()
            answer = self.admin.reflect(file_by_filename=name).file_descriptor_response
            for raw in answer.file_descriptor_proto:
                file = descriptor_pb2.FileDescriptorProto.FromString(raw)
                if file.name not in known:
                    known[file.name] = file
                    waiting += [d for d in file.dependency if d not in known]

        def add(name):
            file = known.pop(name, None)
            if file is not None:
                for dependency in file.dependency:
                    add(dependency)
                pool.AddSerializedFile(file.SerializeToString())

        add("echogw/admin/v1/admin.proto")
        factory = message_factory.MessageFactory(pool)
        method = pool.FindServiceByName("echogw.admin.v1.Admin").methods_by_name["ListReactors"]
        request = factory.GetPrototype(method.input_type)
        response = factory.GetPrototype(method.output_type)
        call = self.admin.channel.unary_unary(
            f"/{method.containing_service.full_name}/{method.name}",
            request_serializer=request.SerializeToString,
            response_deserializer=response.FromString)
        self.assertEqual([r.id for r in call(request(), timeout=TIMEOUT).reactors], [0, 1])

    def test_unknown_symbols_are_an_error(self):
        answer = self.admin.reflect(file_containing_symbol="echogw.admin.v1.Nobody")
        self.assertEqual(answer.error_response.error_code,
                         grpc.StatusCode.NOT_FOUND.value[0])


if __name__ == "__main__":
    unittest.main()
