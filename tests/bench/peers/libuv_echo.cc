// libuv_echo PORT: libuv streams. uv_try_write sends from the read buffer. Unsent bytes are copied,
// and the connection is not read until they are sent.
#include <uv.h>

#include <array>
#include <memory>
#include <vector>

#include "tests/bench/peers/serving.h"

namespace {

std::array<char, echogw_bench::kBufferBytes> buffer;

struct Connection {
  uv_tcp_t socket;
  uv_write_t request;
  std::vector<char> rest;

  uv_stream_t* stream() { return reinterpret_cast<uv_stream_t*>(&socket); }
};

void OnRead(uv_stream_t* stream, ssize_t got, const uv_buf_t* read);

// A shared buffer: its contents are sent or copied before the next read.
void ProvideBuffer(uv_handle_t*, std::size_t, uv_buf_t* out) {
  *out = uv_buf_init(buffer.data(), buffer.size());
}

void Close(Connection* connection) {
  auto* handle = reinterpret_cast<uv_handle_t*>(&connection->socket);
  if (uv_is_closing(handle) != 0) return;
  uv_close(handle, [](uv_handle_t* closed) { delete static_cast<Connection*>(closed->data); });
}

void OnWritten(uv_write_t* request, int status) {
  auto* connection = static_cast<Connection*>(request->data);
  if (status < 0) return Close(connection);
  uv_read_start(connection->stream(), ProvideBuffer, OnRead);
}

void OnRead(uv_stream_t* stream, ssize_t got, const uv_buf_t*) {
  auto* connection = static_cast<Connection*>(stream->data);
  if (got == 0) return;  // EAGAIN
  if (got < 0) return Close(connection);
  const auto size = static_cast<std::size_t>(got);
  uv_buf_t all = uv_buf_init(buffer.data(), static_cast<unsigned>(size));
  int sent = uv_try_write(stream, &all, 1);
  if (sent == got) return;
  if (sent < 0 && sent != UV_EAGAIN) return Close(connection);
  if (sent < 0) sent = 0;
  connection->rest.assign(buffer.data() + sent, buffer.data() + size);
  uv_read_stop(stream);
  uv_buf_t rest =
      uv_buf_init(connection->rest.data(), static_cast<unsigned>(connection->rest.size()));
  connection->request.data = connection;
  if (uv_write(&connection->request, stream, &rest, 1, OnWritten) < 0) Close(connection);
}

void OnConnection(uv_stream_t* listener, int status) {
  if (status < 0) return;
  auto connection = std::make_unique<Connection>();
  uv_tcp_init(listener->loop, &connection->socket);
  connection->socket.data = connection.get();
  Connection* accepted = connection.release();  // freed by uv_close's callback
  if (uv_accept(listener, accepted->stream()) < 0) return Close(accepted);
  uv_read_start(accepted->stream(), ProvideBuffer, OnRead);
}

void Check(const char* what, int status) {
  if (status < 0) echogw_bench::Fail(what, -status);
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint16_t port = echogw_bench::PortArgument(argc, argv);
  echogw_bench::RaiseOpenFiles();
  uv_loop_t* loop = uv_default_loop();
  uv_tcp_t listener;
  uv_tcp_init(loop, &listener);
  Check("uv_tcp_open", uv_tcp_open(&listener, echogw_bench::Listen(port, SOCK_NONBLOCK)));
  Check("uv_listen",
        uv_listen(reinterpret_cast<uv_stream_t*>(&listener), echogw_bench::kBacklog, OnConnection));
  uv_run(loop, UV_RUN_DEFAULT);
}
