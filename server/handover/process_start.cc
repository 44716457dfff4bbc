#include "server/handover/process_start.h"

#include <unistd.h>

#include <array>
#include <cerrno>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/handover/protocol.h"

namespace echogw::server {
namespace {

// Also where the file was replaced or removed since.
constexpr char kRunningBinary[] = "/proc/self/exe";

absl::StatusOr<std::string> OwnBinary() {
  std::array<char, 4096> path{};
  const ssize_t n = ::readlink(kRunningBinary, path.data(), path.size());
  if (n <= 0) return absl::ErrnoToStatus(errno, kRunningBinary);
  return std::string(path.data(), static_cast<std::size_t>(n));
}

}  // namespace

ProcessStart ProcessStart::Read(int argc, const char* const* argv) {
  ProcessStart out{.arguments = std::vector<std::string>(argv, argv + argc)};
  if (auto binary = OwnBinary(); binary.ok()) {
    out.binary = std::string(absl::StripSuffix(*binary, " (deleted)"));
  }
  return out;
}

std::string ProcessStart::BinaryFor(const UpgradeRequest& request) const {
  if (request.same_binary) return kRunningBinary;
  return request.binary.empty() ? binary : request.binary;
}

// Those of this process, without the channel to the process before it.
std::vector<std::string> ProcessStart::ArgumentsFor(const UpgradeRequest& request,
                                                    int channel) const {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == kTakeoverFlag) {
      ++i;
    } else if (!request.config.empty() && argument == "--config") {
      ++i;
    } else if (request.config.empty() || !absl::StartsWith(argument, "--config=")) {
      out.push_back(argument);
    }
  }
  if (!request.config.empty()) {
    out.insert(out.end(), {"--config", request.config});
  }
  out.insert(out.end(), {kTakeoverFlag, absl::StrCat(channel)});
  return out;
}

std::vector<std::string> ProcessStart::EnvironmentForSuccessor() {
  std::vector<std::string> out;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string text = *variable;
    if (absl::StartsWith(text, "LISTEN_") || absl::StartsWith(text, "WATCHDOG_PID=")) continue;
    out.push_back(text);
  }
  return out;
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> out;
  for (std::string& text : strings) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

}  // namespace echogw::server
