// Environment variables of the service manager (sd_listen_fds(3), sd_notify(3)).
#pragma once

#include <cstdlib>
#include <string>

namespace echogw::server {

// Empty if it is not set.
inline std::string ManagerVariable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace echogw::server
