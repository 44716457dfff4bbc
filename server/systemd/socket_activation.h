// Listening sockets passed by the service manager, see sd_listen_fds(3). Read once by main, before
// any thread starts.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "reactor/net/inherited_listener.h"

namespace echogw::server {

// The variables of that name; empty: not set.
struct ListenVariables {
  std::string pid;    // LISTEN_PID
  std::string fds;    // LISTEN_FDS
  std::string names;  // LISTEN_FDNAMES
};

[[nodiscard]] ListenVariables ReadListenVariables();

inline constexpr int kFirstPassedDescriptor = 3;

// Empty if the variables are not set, or are for another process than `self`. Every socket must be
// a TCP or unix listener: an error names the one that is not.
[[nodiscard]] absl::StatusOr<std::vector<InheritedListener>> PassedListeners(
    const ListenVariables& variables, pid_t self, int first = kFirstPassedDescriptor);

}  // namespace echogw::server
