// Shared by the tests of a whole reactor: they run over every poller, on loopback sockets, stepped
// on the test's thread, and leave no descriptor open.
#pragma once

#include <string>
#include <string_view>

#include "gtest/gtest.h"
#include "reactor/poll/poller.h"
#include "tests/support/descriptors.h"
#include "tests/support/test_reactor.h"

namespace echogw {

class ReactorTest : public DescriptorTest, public ::testing::WithParamInterface<PollerKind> {
 protected:
  // The defaults over the poller under test.
  [[nodiscard]] static TestReactorOptions Options() {
    TestReactorOptions options;
    options.reactor.poller = GetParam();
    return options;
  }

  // Whether the poller prefetches input.
  [[nodiscard]] static bool ReadsAhead() { return GetParam() == PollerKind::kIoUring; }
  // What is held for a client that does not read, in reads of the largest size. An engine may have
  // received two more before it learns of it (before Linux 6.17: 33).
  [[nodiscard]] static std::size_t HeldBuffersMax() { return ReadsAhead() ? 34 : 1; }

  // Small kernel buffers and a small read, so that a client that does not read blocks its
  // connection after a few kilobytes.
  [[nodiscard]] static TestReactorOptions TightOptions() {
    TestReactorOptions options = Options();
    options.listen.send_buffer_bytes = 4096;
    options.listen.receive_buffer_bytes = 4096;
    options.reactor.buffer_bytes = 8192;
    options.reactor.turn_bytes = 16384;
    return options;
  }
  [[nodiscard]] static TestClientOptions TightClient() {
    return {.receive_buffer_bytes = 4096, .send_buffer_bytes = 4096, .segment_bytes = 1000};
  }

  // Sends without reading until nothing more is accepted; returns what was sent.
  static std::string Jam(TestReactor& reactor, TestClient& client, std::uint32_t salt = 0) {
    const std::string bytes = Pattern(std::size_t{8} << 20U, salt);
    std::size_t sent = 0;
    int quiet_turns = 0;
    EXPECT_TRUE(reactor.TurnUntil([&] {
      const std::size_t n = client.SendSome(std::string_view(bytes).substr(sent));
      sent += n;
      quiet_turns = n == 0 && reactor.counters().pending_bytes > 0 ? quiet_turns + 1 : 0;
      return quiet_turns > 20;
    }));
    EXPECT_LT(sent, bytes.size()) << "the kernel took everything";
    return bytes.substr(0, sent);
  }

  // Turns while the client reads to the end; returns what it got.
  static std::string ReadOut(const std::vector<TestReactor*>& reactors, TestClient& client) {
    EXPECT_TRUE(TurnAllUntil(reactors, [&] {
      client.Pump();
      return client.end() != TestClient::End::kOpen;
    }));
    return client.ReceiveToEnd();
  }
};

inline std::string PollerParamName(const ::testing::TestParamInfo<PollerKind>& tested) {
  return PollerName(tested.param);
}

}  // namespace echogw
