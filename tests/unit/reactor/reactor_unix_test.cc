// Goal: a reactor echoes every byte of a unix socket, wherever reads of it end.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <string>

#include "reactor/net/unix_listener.h"
#include "tests/unit/reactor/reactor_test_base.h"

namespace echogw {
namespace {

class ReactorUnixTest : public ReactorTest {};
INSTANTIATE_TEST_SUITE_P(, ReactorUnixTest, ::testing::ValuesIn(AllPollers()), PollerParamName);

// A read of a unix socket ends at descriptors and at urgent data, although more is there.
TEST_P(ReactorUnixTest, OnAUnixSocketNothingIsLeftBehind) {
  const std::string path = "/tmp/echogw-echo-test." + std::to_string(::getpid());
  auto listener = BindUnixListener(path, 0600);
  ASSERT_TRUE(listener.ok()) << listener.status();
  ASSERT_EQ(::listen(listener->get(), 1), 0);
  TestReactorOptions options = Options();
  options.deaf = true;
  TestReactor reactor(options);
  reactor.Post(AdoptListeners{.listeners = {{.fd = listener->get(), .shared = true}}});
  const UniqueFd client(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const void* to = &address;
  ASSERT_EQ(::connect(client.get(), static_cast<const sockaddr*>(to), sizeof(address)), 0);
  ::unlink(path.c_str());
  const auto echoed = [&](const std::string& expected) {
    std::string got;
    EXPECT_TRUE(reactor.TurnUntil([&] {
      std::array<char, 64> into{};
      const ssize_t n = ::recv(client.get(), into.data(), into.size(), 0);
      if (n > 0) got.append(into.data(), static_cast<std::size_t>(n));
      return got.size() >= expected.size();
    })) << got;
    return got;
  };
  ASSERT_EQ(::send(client.get(), "p", 1, 0), 1);
  EXPECT_EQ(echoed("p"), "p");
  char byte = 'A';
  iovec data{&byte, 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(sizeof(int));
  const int passed = client.get();
  std::memcpy(CMSG_DATA(head), &passed, sizeof(passed));
  ASSERT_EQ(::sendmsg(client.get(), &message, 0), 1);
  ASSERT_EQ(::send(client.get(), "B", 1, 0), 1);
  EXPECT_EQ(echoed("AB"), "AB");
  ASSERT_EQ(::send(client.get(), "ab", 2, 0), 2);
  if (::send(client.get(), "!", 1, MSG_OOB) == 1) {  // since Linux 5.15
    ASSERT_EQ(::send(client.get(), "cd", 2, 0), 2);
    EXPECT_EQ(echoed("ab!cd"), "ab!cd");
  }
}

}  // namespace
}  // namespace echogw
