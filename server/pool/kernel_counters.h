// The kernel's counters of lost handshakes, for the reports of operations. Any thread.
#pragma once

#include <string>

#include "server/pool/control.h"

namespace echogw::server {

// Parses /proc/net/netstat: a "TcpExt:" line of names and one of values. A counter that the kernel
// lacks stays 0.
[[nodiscard]] KernelCounters ParseKernelCounters(const std::string& netstat);

// For the network namespace of this process; zeroes if /proc is not available.
[[nodiscard]] KernelCounters ReadKernelCounters();

}  // namespace echogw::server
