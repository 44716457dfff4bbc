#include "server/pool/kernel_counters.h"

#include <fstream>
#include <iterator>
#include <sstream>

namespace echogw::server {

KernelCounters ParseKernelCounters(const std::string& netstat) {
  KernelCounters out;
  std::istringstream lines(netstat);
  std::string names_line;
  std::string values_line;
  while (std::getline(lines, names_line) && std::getline(lines, values_line)) {
    if (names_line.rfind("TcpExt:", 0) != 0) continue;
    std::istringstream names(names_line);
    std::istringstream values(values_line);
    std::string name;
    std::string value;
    while (names >> name && values >> value) {
      std::uint64_t* field = name == "ListenOverflows"        ? &out.listen_overflows
                             : name == "ListenDrops"          ? &out.listen_drops
                             : name == "TCPAbortOnClose"      ? &out.tcp_abort_on_close
                             : name == "TCPMigrateReqFailure" ? &out.tcp_migrate_req_failure
                                                              : nullptr;
      if (field != nullptr) std::istringstream(value) >> *field;
    }
  }
  return out;
}

KernelCounters ReadKernelCounters() {
  std::ifstream file("/proc/net/netstat");
  return ParseKernelCounters(std::string(std::istreambuf_iterator<char>(file), {}));
}

}  // namespace echogw::server
