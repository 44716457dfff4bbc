// A process that takes its own place: it executes the binary, keeps its id, and finds everything in
// a file in memory. For PID 1 of a container, whose end is the end of the container, and for
// supervisors that follow one process.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "server/handover/sender.h"

namespace echogw::server {

// `tried` is a second process that could take over; it is to end before this one executes.
[[nodiscard]] absl::StatusOr<std::unique_ptr<Successor>> MakeSuccessorInPlace(
    const HandoverSource& source, const UpgradeRequest& request, const Successor& tried,
    PoolSockets sockets);

}  // namespace echogw::server
