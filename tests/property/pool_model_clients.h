// The clients of the model test: connections of several manners, driven from the test's thread.
// Each must live, and echo exactly, until the model ends it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "tests/support/pool_stream.h"
#include "tests/support/random.h"

namespace echogw::server {

class ModelClients {
 public:
  ModelClients(std::vector<std::uint16_t> ports, Random& random)
      : ports_(std::move(ports)), random_(random) {}

  // How many connections the gateway must have, counting those that are half closed.
  [[nodiscard]] std::size_t size() const { return clients_.size(); }

  // How many connects there were since the beginning.
  [[nodiscard]] std::uint64_t connected() const { return salt_; }

  void Connect(std::size_t count);
  // Offers bytes on some.
  void Talk();
  // On one, if there is one: FIN after all is sent, FIN at once, RST.
  void HalfCloseOne();
  void CloseOne();
  void ResetOne();

  // Sends and reads what goes; slow readers read little. Ended ones must have ended right, and
  // leave. True if anything moved.
  bool Pump();
  // Everything that was sent comes back on every connection.
  void CatchUp();

  // While the gateway closes: connections may end from its side, with a prefix of what was sent.
  void PumpWhileClosing();
  // Closes what is left, however far it is.
  void Drop() { clients_.clear(); }

 private:
  enum class Manner : std::uint8_t { kPrompt, kSlow };
  struct Client {
    std::unique_ptr<StreamClient> stream;
    Manner manner = Manner::kPrompt;
    bool half_closed = false;
  };

  // Fails the test if a client met an error.
  static void Check(const Client& client);
  [[nodiscard]] Client* PickOne();
  void Erase(const Client* client);

  const std::vector<std::uint16_t> ports_;
  Random& random_;
  std::vector<Client> clients_;
  std::uint64_t salt_ = 0;  // of the last one that connected
};

}  // namespace echogw::server
