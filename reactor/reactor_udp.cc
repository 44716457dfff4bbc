#include "reactor/reactor.h"

namespace echogw {

// Whoever has no UDP socket pays for no buffers.
void Reactor::PrepareForDatagrams() {
  if (udp_ != nullptr) return;
  const UdpEchoOptions options{.batch_max = options_.datagram_batch_max,
                               .turn_bytes = options_.turn_bytes,
                               .transform = options_.transform};
  udp_ = std::make_unique<UdpEcho>(options, datagram_io_, deps_.counters.udp);
}

// A UDP socket is level-triggered: what one batch leaves is reported again in the next turn, after
// connections have had theirs.
void Reactor::OnDatagrams(const WatchedListener& w) { udp_->Turn(w.listener.fd, !drop_datagrams_); }

}  // namespace echogw
