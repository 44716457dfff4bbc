// The configuration of a pool.
#pragma once

#include <climits>
#include <cstdint>
#include <vector>

#include "reactor/net/inherited_listener.h"
#include "reactor/net/socket.h"
#include "reactor/net/udp_socket.h"
#include "reactor/options.h"
#include "reactor/services/tls_context.h"
#include "server/pool/handover.h"

namespace echogw::server {

struct PoolOptions {
  std::uint32_t reactors = 1;
  // Slot i is pinned to cpus[i % size]; empty: no pinning.
  std::vector<int> cpus;
  // For every reactor; the pool sets id and cpu.
  ReactorOptions reactor;
  std::vector<ListenAddress> listen;
  ListenOptions listen_options;
  std::vector<ListenAddress> listen_udp;
  UdpOptions udp_options;
  // Sockets for addresses of `listen` in the order of their listen() calls: the first slots get
  // them. The pool uses duplicates; the descriptors must outlive it.
  std::vector<InheritedListener> inherited;
  // Sockets of a process whose place this one takes: their addresses are found by the text that
  // the configuration has for them. The pool uses duplicates. Null: none.
  const PoolSockets* taken = nullptr;
  // False: the kernel's hash selects the listener.
  bool steering = true;
  // False: refuse to start on a port that another socket uses, even with SO_REUSEPORT.
  bool allow_shared_port = false;
  // For addresses with TLS; outlives the pool. Null if there are none.
  TlsContext* tls = nullptr;
  // Connections get descriptors below this; the rest is left to the control plane.
  int descriptor_ceiling = INT_MAX;
  // Fault injection for tests: a retired reactor closes its listeners instead of parking them,
  // which loses connections. Shows that the loss detectors work.
  bool fault_close_listeners = false;
};

}  // namespace echogw::server
