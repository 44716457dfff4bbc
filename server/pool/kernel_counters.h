// The kernel's own record of lost handshakes, for the reports of operations. Any thread.
#pragma once

#include <string>

#include "server/pool/control.h"

namespace echogw::server {

// From the text of /proc/net/netstat: a "TcpExt:" line of names and one of values. A counter that
// the kernel does not have stays 0.
[[nodiscard]] KernelCounters ParseKernelCounters(const std::string& netstat);

// Of the network namespace of this process; zeroes where /proc is not to be had.
[[nodiscard]] KernelCounters ReadKernelCounters();

}  // namespace echogw::server
