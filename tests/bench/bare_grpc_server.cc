// bare_grpc_server: the baseline cost of a process with a gRPC server. It serves health and
// reflection, as the gateway's admin port does, on a free port on loopback. compare.py uses its
// resident memory to determine gRPC's share of the gateway's.
//
// Prints "listening on 127.0.0.1:PORT" and "ready", and serves until it is killed.
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>

#include <cstdio>
#include <memory>

int main() {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  grpc::CallbackGenericService service;
  builder.RegisterCallbackGenericService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr || port == 0) {
    std::fprintf(stderr, "bare_grpc_server: cannot start\n");
    return 1;
  }
  std::printf("listening on 127.0.0.1:%d\nready\n", port);
  std::fflush(stdout);
  server->Wait();
}
