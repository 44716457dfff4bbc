// Where the kernel sends new connections, or datagrams, of a reuseport group: an unprivileged
// classic BPF program, attached to any one member and replaced atomically for the whole group.
// In-flight handshakes stay with the listener that has them. Any thread.
#pragma once

#include <cstdint>
#include <span>

#include "absl/status/status.h"

namespace echogw {

// `weights[i]` is the share of slot i; a weight of 0 takes it out. The kernel falls back to its own
// hash over all members if no weight is above 0, so that is InvalidArgument. Other errors are those
// of setsockopt, ENOMEM and EPERM among them.
[[nodiscard]] absl::Status AttachSteering(int listener, std::span<const std::uint32_t> weights);

// The same for a group of UDP sockets, but that all datagrams of one flow (the address and port of
// the sender, the port here) go to one slot, and so stay in order; the weights are shares of flows.
[[nodiscard]] absl::Status AttachFlowSteering(int socket, std::span<const std::uint32_t> weights);

// Back to the kernel's hash. Not an error when nothing is attached.
[[nodiscard]] absl::Status DetachSteering(int listener);

// Drops every SYN to this one listener unanswered: its clients retry after a second or more.
// Established connections and handshakes under way go on. A connection accepted while it is on
// inherits the filter; see DetachFilter.
[[nodiscard]] absl::Status AttachSynDrop(int listener);

// Takes a filter off a listener or a connection; nothing happens when there is none.
void DetachFilter(int fd);

}  // namespace echogw
