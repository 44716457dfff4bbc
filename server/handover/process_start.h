// How this process was started, for another one to be started likewise. Values.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "server/pool/control.h"

namespace echogw::server {

struct ProcessStart {
  // The path of the binary, absolute.
  std::string binary;
  std::vector<std::string> arguments;  // with the name in front

  // Of this process. Before any thread starts.
  [[nodiscard]] static ProcessStart Read(int argc, const char* const* argv);

  // The binary, the arguments and the environment of a successor, whose channel is `channel`.
  [[nodiscard]] std::string BinaryFor(const UpgradeRequest& request) const;
  [[nodiscard]] std::vector<std::string> ArgumentsFor(const UpgradeRequest& request,
                                                      int channel) const;
  // Without the variables of the service manager that name this process or its sockets.
  [[nodiscard]] static std::vector<std::string> EnvironmentForSuccessor();
};

class Predecessor;

// How one process follows another.
struct ProcessOrder {
  // How this process was started; unset: no other one can be started likewise to replace it.
  std::optional<ProcessStart> start;
  // The process whose place this one takes; outlives the gateway. Null: none.
  Predecessor* predecessor = nullptr;
};

// As exec takes them: pointers into `strings`, and a null pointer.
[[nodiscard]] std::vector<char*> Pointers(std::vector<std::string>& strings);

}  // namespace echogw::server
