// What the service manager says in the environment (sd_listen_fds(3), sd_notify(3)).
#pragma once

#include <cstdlib>
#include <string>

namespace echogw::server {

// Empty if it is not there.
inline std::string ManagerVariable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace echogw::server
