#include "tests/property/echo_swarm.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace echogw {

EchoSwarm::EchoSwarm(const SwarmOptions& options, Random& random)
    : options_(options), random_(random) {
  for (std::size_t i = 0; i < options.clients; ++i) clients_.push_back(MakeClient(i));
}

EchoSwarm::Client EchoSwarm::MakeClient(std::size_t number) {
  Client c;
  c.number = number;
  // Sizes of every order of magnitude, including 0.
  const std::size_t size = options_.bytes_max >> random_.Between(0, 17);
  c.bytes = Pattern(random_.Between(0, size), static_cast<std::uint32_t>(number + 1));
  c.chunk_max = std::size_t{1} << random_.Between(0, 16);
  // One-byte chunks only for small amounts, or the test takes too long.
  c.chunk_max = std::max(c.chunk_max, c.bytes.size() / 200);
  c.read_max = std::max<std::size_t>(std::size_t{1} << random_.Between(0, 16), size / 200);
  c.lazy_percent = random_.Percent(30) ? 80 : 0;
  if (!options_.polite && random_.Percent(40)) {
    c.ending = random_.Percent(50) ? Ending::kReset : Ending::kLeaveEarly;
    c.leave_at = random_.Between(0, c.bytes.size());
  }
  return c;
}

void EchoSwarm::Fail(const Client& client, const std::string& what) {
  errors_.push_back("client " + std::to_string(client.number) + ": " + what + " (sent " +
                    std::to_string(client.sent) + ", received " + std::to_string(client.received) +
                    " of " + std::to_string(client.bytes.size()) + " bytes)");
}

bool EchoSwarm::Step() {
  bool all_ended = true;
  if (next_ < clients_.size() && random_.Percent(50)) {
    Client& c = clients_[next_++];
    TestClientOptions options{.segment_bytes = 1000};
    if (random_.Percent(30)) options.receive_buffer_bytes = 4096;
    c.socket = std::make_unique<TestClient>(options_.port, options);
  }
  for (Client& c : clients_) {
    if (c.socket != nullptr) StepOne(c);
    all_ended = all_ended && c.socket == nullptr;
  }
  return !all_ended || next_ < clients_.size();
}

bool EchoSwarm::StepOne(Client& client) {
  if (random_.Percent(client.lazy_percent)) return false;
  SendSome(client);
  client.socket->Pump(random_.Between(1, client.read_max));
  Compare(client, client.socket->Receive(0));
  if (client.socket != nullptr) EndIfDue(client);
  return true;
}

void EchoSwarm::SendSome(Client& client) {
  const std::string_view left = std::string_view(client.bytes).substr(client.sent);
  const std::size_t n = std::min(left.size(), random_.Between(1, client.chunk_max));
  client.sent += client.socket->SendSome(left.substr(0, n));
  if (client.ending == Ending::kHalfClose && client.sent == client.bytes.size() &&
      !std::exchange(client.fin_sent, true)) {
    client.socket->HalfClose();
  }
}

void EchoSwarm::Compare(Client& client, const std::string& came) {
  const std::string_view expected =
      std::string_view(client.bytes).substr(0, client.sent).substr(client.received);
  if (came.size() > expected.size()) {
    Fail(client, "got more than it sent");
  } else if (came != expected.substr(0, came.size())) {
    const auto at = std::mismatch(came.begin(), came.end(), expected.begin()).first - came.begin();
    Fail(client, "wrong byte at " + std::to_string(client.received + static_cast<std::size_t>(at)));
  } else {
    client.received += came.size();
    return;
  }
  client.socket.reset();
}

void EchoSwarm::EndIfDue(Client& client) {
  if (client.ending != Ending::kHalfClose && client.received >= client.leave_at) {
    if (client.ending == Ending::kReset) client.socket->Reset();
    client.socket.reset();
    return;
  }
  if (client.socket->end() == TestClient::End::kOpen) return;
  if (client.socket->end() == TestClient::End::kReset) {
    Fail(client, "was reset");
  } else if (client.received != client.bytes.size() || !client.fin_sent) {
    Fail(client, "was closed too early");
  }
  client.socket.reset();
}

}  // namespace echogw
