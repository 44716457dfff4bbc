// Many clients at once, each with its own seeded plan: how much it sends in which chunks, how fast
// it reads, and how it ends. Every byte received is compared with what was sent. One thread drives
// all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/random.h"
#include "tests/support/test_client.h"

namespace echogw {

struct SwarmOptions {
  std::uint16_t port = 0;
  std::size_t clients = 40;
  std::size_t bytes_max = 200'000;
  // Every client half-closes and wants everything back; none resets or leaves early.
  bool polite = false;
};

class EchoSwarm {
 public:
  EchoSwarm(const SwarmOptions& options, Random& random);

  // Lets every client do a little, and sometimes connects another one. False once all have ended.
  [[nodiscard]] bool Step();

  [[nodiscard]] std::size_t connected() const { return next_; }
  // What went wrong, a line each; empty if all is well.
  [[nodiscard]] const std::vector<std::string>& errors() const { return errors_; }

 private:
  enum class Ending : std::uint8_t {
    kHalfClose,   // sends all, FIN, and wants all of it back and then FIN
    kReset,       // RST as soon as some of it has come back
    kLeaveEarly,  // closes without having read everything
  };

  struct Client {
    std::size_t number = 0;
    std::unique_ptr<TestClient> socket;  // null: not there yet, or ended
    std::string bytes;
    Ending ending = Ending::kHalfClose;
    std::size_t leave_at = 0;  // bytes received at which it resets or leaves
    std::size_t chunk_max = 0;
    std::size_t read_max = 0;
    unsigned lazy_percent = 0;  // chance of doing nothing in a step
    std::size_t sent = 0;
    std::size_t received = 0;
    bool fin_sent = false;
  };

  [[nodiscard]] Client MakeClient(std::size_t number);
  // True if it moved something or ended.
  bool StepOne(Client& client);
  void SendSome(Client& client);
  void Compare(Client& client, const std::string& came);
  void EndIfDue(Client& client);
  void Fail(const Client& client, const std::string& what);

  SwarmOptions options_;
  Random& random_;
  std::vector<Client> clients_;
  std::size_t next_ = 0;  // of clients_, to connect
  std::vector<std::string> errors_;
};

}  // namespace echogw
