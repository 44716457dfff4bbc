// Goal: a name with several addresses, of which some are dead, is reached soon. Method: the lookup
// of one name is replaced, so this test stands alone.
#include "ctl/gateway/client.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/unit/ctl/fake_gateway.h"

namespace {

// The addresses of gateway.test.
std::vector<sockaddr_in> looked_up;

sockaddr* Generic(sockaddr_in* address) {
  return static_cast<sockaddr*>(static_cast<void*>(address));
}

}  // namespace

// The library's freeaddrinfo frees each entry, whose address lies behind it.
extern "C" int getaddrinfo(const char* node, const char* service, const addrinfo* hints,
                           addrinfo** found) {
  if (node == nullptr || std::string(node) != "gateway.test") {
    static void* const next = dlsym(RTLD_NEXT, "getaddrinfo");
    return reinterpret_cast<decltype(&getaddrinfo)>(next)(node, service, hints, found);
  }
  *found = nullptr;
  for (auto at = looked_up.rbegin(); at != looked_up.rend(); ++at) {
    auto* entry = static_cast<addrinfo*>(std::calloc(1, sizeof(addrinfo) + sizeof(sockaddr_in)));
    entry->ai_family = AF_INET;
    entry->ai_socktype = SOCK_STREAM;
    entry->ai_addrlen = sizeof(sockaddr_in);
    entry->ai_addr = static_cast<sockaddr*>(static_cast<void*>(entry + 1));
    std::memcpy(entry->ai_addr, &*at, sizeof(*at));
    entry->ai_next = *found;
    *found = entry;
  }
  return 0;
}

namespace echogw::ctl {
namespace {

sockaddr_in AddressOf(const std::string& target) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  out.sin_port = htons(static_cast<std::uint16_t>(std::stoi(target.substr(target.find(':') + 1))));
  return out;
}

// A listener with a full accept queue: further SYNs are not answered.
class SilentPeer {
 public:
  SilentPeer() {
    fds_.push_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(at);
    EXPECT_EQ(bind(fds_[0], Generic(&at), length), 0);
    EXPECT_EQ(getsockname(fds_[0], Generic(&at), &length), 0);
    EXPECT_EQ(listen(fds_[0], 0), 0);
    for (int i = 0; i < 4; ++i) {
      fds_.push_back(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      connect(fds_.back(), Generic(&at), length);
    }
  }
  SilentPeer(const SilentPeer&) = delete;
  SilentPeer& operator=(const SilentPeer&) = delete;
  ~SilentPeer() {
    for (const int fd : fds_) close(fd);
  }

  sockaddr_in at{};

 private:
  std::vector<int> fds_;
};

grpc::Status Info(Client& client) {
  grpc::ClientContext call;
  client.SetDeadline(call);
  admin::v1::GetInfoResponse response;
  return client.admin().GetInfo(&call, {}, &response);
}

TEST(Client, ASilentAddressOfANameIsPassedOver) {
  SilentPeer silent;
  FakeGateway gateway;
  looked_up = {silent.at, AddressOf(gateway.target())};
  // gRPC alone gives the first address 20 s.
  Client client("gateway.test:7001", std::chrono::seconds(15));
  const grpc::Status status = Info(client);
  EXPECT_TRUE(status.ok()) << status.error_message();
}

TEST(Client, AnotherAddressIsTakenAfterDisconnect) {
  SilentPeer silent;
  FakeGateway first;
  looked_up = {silent.at, AddressOf(first.target())};
  Client client("gateway.test:7001", std::chrono::seconds(15));
  ASSERT_TRUE(Info(client).ok());
  FakeGateway second;
  looked_up = {silent.at, AddressOf(second.target())};
  client.Disconnect();
  EXPECT_TRUE(Info(client).ok());
}

}  // namespace
}  // namespace echogw::ctl
