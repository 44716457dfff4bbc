// Where the kernel sends new connections, or datagrams, of a reuseport group: an unprivileged
// classic BPF program, attached to any one member and replaced atomically for the whole group.
// In-flight handshakes stay with the listener that has them. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/status.h"

namespace echogw {

// `weights[i]` is the share of slot i; a weight of 0 takes it out. The kernel falls back to its own
// hash over all members if no weight is above 0, so that is InvalidArgument. Other errors are those
// of setsockopt, ENOMEM and EPERM among them.
[[nodiscard]] absl::Status AttachSteering(int listener, std::span<const std::uint32_t> weights);

// For a group of UDP sockets: all datagrams of one flow (sender address and port, our port) go to
// one slot and stay in order; the weights are shares of flows.
[[nodiscard]] absl::Status AttachFlowSteering(int socket, std::span<const std::uint32_t> weights);

// The sockets that listen, or are bound for UDP, at the address of this one: the members of its
// group, of all processes in the network namespace. 0 if that cannot be read.
[[nodiscard]] std::size_t GroupSizeOf(int socket);

// Back to the kernel's hash. Not an error when nothing is attached.
[[nodiscard]] absl::Status DetachSteering(int listener);

// Drops every SYN to this listener without an answer: clients retry after a second or more.
// Established connections and pending handshakes continue. A connection accepted while it is on
// inherits the filter; see DetachFilter.
[[nodiscard]] absl::Status AttachSynDrop(int listener);

// Removes the filter of a listener or a connection, if there is one.
void DetachFilter(int fd);

}  // namespace echogw
