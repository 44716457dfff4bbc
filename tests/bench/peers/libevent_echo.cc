// libevent_echo PORT: libevent's events with direct reads and writes, as in memcached; bufferevents
// copy more. A persistent event waits for readability; one for writability exists while there are
// unsent bytes.
#include <event2/event.h>

#include "tests/bench/peers/echo_table.h"

using echogw_bench::EchoTable;

namespace {

struct Connection {
  event* readable;
  event* writable;  // null but while bytes are pending
};

EchoTable* table;
event_base* base;
std::vector<Connection> connections;  // by descriptor

void OnReady(evutil_socket_t fd, short, void*) {
  Connection& connection = connections[static_cast<std::size_t>(fd)];
  const EchoTable::Wait wait = table->Turn(fd);
  const bool waits_to_write = wait == EchoTable::Wait::kWritable;
  if (waits_to_write && connection.writable == nullptr) {
    event_del(connection.readable);
    connection.writable = event_new(base, fd, EV_WRITE | EV_PERSIST, OnReady, nullptr);
    event_add(connection.writable, nullptr);
  } else if (!waits_to_write && connection.writable != nullptr) {
    event_free(connection.writable);
    connection.writable = nullptr;
    if (wait == EchoTable::Wait::kReadable) event_add(connection.readable, nullptr);
  }
  if (wait == EchoTable::Wait::kOver) {
    event_free(connection.readable);
    table->Close(fd);
  }
}

void OnConnection(evutil_socket_t listener, short, void*) {
  const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) return;
  Connection& connection = connections[static_cast<std::size_t>(fd)];
  connection.readable = event_new(base, fd, EV_READ | EV_PERSIST, OnReady, nullptr);
  connection.writable = nullptr;
  if (event_add(connection.readable, nullptr) < 0) {
    event_free(connection.readable);
    close(fd);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint16_t port = echogw_bench::PortArgument(argc, argv);
  const std::size_t descriptors = echogw_bench::RaiseOpenFiles();
  EchoTable connections_table(descriptors);
  table = &connections_table;
  connections.resize(descriptors);
  const int listener = echogw_bench::Listen(port, SOCK_NONBLOCK);

  event_config* config = event_config_new();
  event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
  base = event_base_new_with_config(config);
  if (base == nullptr) echogw_bench::Fail("event_base_new_with_config");
  event_config_free(config);
  event* accepts = event_new(base, listener, EV_READ | EV_PERSIST, OnConnection, nullptr);
  if (event_add(accepts, nullptr) < 0) echogw_bench::Fail("event_add");
  event_base_dispatch(base);
}
