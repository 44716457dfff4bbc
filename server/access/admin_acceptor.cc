#include "server/access/admin_acceptor.h"

#include <fcntl.h>
#include <grpcpp/security/server_credentials.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "reactor/net/socket.h"
#include "reactor/net/socket_setup.h"
#include "reactor/net/unix_listener.h"

namespace echogw::server {
namespace {

constexpr int kBacklog = 128;
// The pause after running out of descriptors, memory or connections.
constexpr int kAcceptPauseMs = 100;
constexpr uid_t kUnknownUid = static_cast<uid_t>(-1);

using ConnectionType = grpc::ServerBuilder::experimental_type::ExternalConnectionType;

absl::Status Failed(const std::string& what, const std::string& address) {
  return absl::ErrnoToStatus(errno, absl::StrCat(what, " ", address));
}

// Unlike those of the reactors, this port is never shared.
absl::StatusOr<UniqueFd> ListenTcp(const ListenAddress& address) {
  const std::string name = address.ToString();
  const auto to = ParseAddress(address);
  if (!to.ok()) return to.status();
  UniqueFd fd(::socket(to->family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return Failed("socket", name);
  const int on = 1;
  const int v6_only = address.dual_stack ? 0 : 1;
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
      (to->family() == AF_INET6 &&
       ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof(v6_only)) != 0)) {
    return Failed("setsockopt", name);
  }
  if (::bind(fd.get(), to->get(), to->length) != 0) return Failed("bind", name);
  if (::listen(fd.get(), kBacklog) != 0) return Failed("listen", name);
  return fd;
}

absl::StatusOr<UniqueFd> ListenUnix(const std::string& path, unsigned mode) {
  auto fd = BindUnixListener(path, mode);
  if (!fd.ok() || ::listen(fd->get(), kBacklog) == 0) return fd;
  const absl::Status status = Failed("listen", absl::StrCat("unix:", path));
  ::unlink(path.c_str());
  return status;
}

std::optional<ino_t> InodeOf(int fd) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return std::nullopt;
  return info.st_ino;
}

std::optional<uid_t> UserOf(int fd) {
  ucred credentials{};
  socklen_t size = sizeof(credentials);
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return std::nullopt;
  return credentials.uid;
}

// "10.0.0.5" or "[::1]"; the port is no part of an origin.
std::string HostOf(int fd) {
  const std::string peer = PeerName(fd);
  return peer.substr(0, peer.rfind(':'));
}

// The peer as gRPC names it in a call: an IPv4-mapped address is IPv4, a zone is a number.
std::string CallPeerOf(int fd) {
  std::string name = PeerName(fd);
  const std::string mapped = "[::ffff:";
  if (absl::StartsWith(name, mapped) && absl::StrContains(name, '.')) {
    name.erase(name.rfind(']'), 1);
    return name.substr(mapped.size());
  }
  sockaddr_storage peer{};
  socklen_t size = sizeof(peer);
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) == 0 &&
      peer.ss_family == AF_INET6) {
    const std::uint32_t zone = reinterpret_cast<const sockaddr_in6*>(&peer)->sin6_scope_id;
    if (zone != 0) name.insert(name.rfind(']'), absl::StrCat("%", zone));
  }
  return name;
}

}  // namespace

absl::StatusOr<std::unique_ptr<AdminAcceptor>> AdminAcceptor::Listen(
    const AdminAddress& address, std::size_t connections_max, AdminAccess& access,
    const OpenCalls& calls, LogSink& log, grpc::ServerBuilder& builder,
    std::vector<UniqueFd> taken) {
  UniqueFd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake.valid()) return Failed("eventfd", address.ToString());
  std::unique_ptr<AdminAcceptor> out(
      new AdminAcceptor(address, connections_max, calls, log, std::move(wake)));
  absl::Status s = taken.empty() ? out->Open(access.unix_mode()) : out->Adopt(std::move(taken));
  if (!s.ok()) return s;
  if (access.open()) {
    out->AddOpenSlot(builder, access);
  } else {
    out->AddOrigins(builder, access);
  }
  return out;
}

AdminAcceptor::AdminAcceptor(AdminAddress address, std::size_t connections_max,
                             const OpenCalls& calls, LogSink& log, UniqueFd wake)
    : where_(std::move(address)),
      connections_max_(connections_max),
      address_(where_.ToString()),
      calls_(calls),
      log_(log),
      wake_(std::move(wake)) {}

AdminAcceptor::~AdminAcceptor() { Stop(); }

absl::Status AdminAcceptor::Open(unsigned unix_mode) {
  if (!where_.unix_path.empty()) {
    auto listener = ListenUnix(where_.unix_path, unix_mode);
    if (listener.ok()) listeners_.push_back(*std::move(listener));
    return listener.status();
  }
  auto listener = ListenTcp(where_.tcp);
  if (!listener.ok()) return listener.status();
  const auto local = LocalAddress(listener->get(), where_.tcp.dual_stack);
  if (!local.ok()) return local.status();
  address_ = local->ToString();
  listeners_.push_back(*std::move(listener));
  if (!where_.loopback_v6) return absl::OkStatus();
  ListenAddress other = *where_.loopback_v6;
  other.port = local->port;
  auto second = ListenTcp(other);
  if (second.ok()) listeners_.push_back(*std::move(second));
  return second.status();
}

absl::Status AdminAcceptor::Adopt(std::vector<UniqueFd> taken) {
  listeners_ = std::move(taken);
  if (!where_.unix_path.empty()) return absl::OkStatus();
  const auto local = LocalAddress(listeners_.front().get(), where_.tcp.dual_stack);
  if (local.ok()) address_ = local->ToString();
  return local.status();
}

std::vector<int> AdminAcceptor::listeners() const {
  std::vector<int> out;
  for (const UniqueFd& listener : listeners_) out.push_back(listener.get());
  return out;
}

void AdminAcceptor::AddOpenSlot(grpc::ServerBuilder& builder, AdminAccess& access) {
  open_ = true;
  slots_.push_back({.origin = std::make_unique<Origin>(access),
                    .acceptor = builder.experimental().AddExternalConnectionAcceptor(
                        ConnectionType::FROM_FD, grpc::InsecureServerCredentials())});
}

void AdminAcceptor::AddOrigins(grpc::ServerBuilder& builder, AdminAccess& access) {
  for (std::size_t i = 0; i < kOrigins; ++i) {
    Slot slot{.origin = std::make_unique<Origin>(access), .acceptor = nullptr};
    slot.acceptor = builder.experimental().AddExternalConnectionAcceptor(
        ConnectionType::FROM_FD, std::make_shared<AdminCredentials>(*slot.origin));
    slots_.push_back(std::move(slot));
  }
  if (where_.unix_path.empty()) {
    slots_.back().origin->Set("one of too many addresses", std::nullopt);
    return;
  }
  slots_.back().origin->Set("one of too many users", kUnknownUid);
  // Reserves slots for these two users.
  for (const uid_t uid : {uid_t{0}, ::geteuid()}) SlotOf(absl::StrCat("uid ", uid), uid);
}

void AdminAcceptor::Start() { thread_ = std::thread(&AdminAcceptor::Run, this); }

void AdminAcceptor::Stop() {
  if (stop_.exchange(true)) return;
  const std::uint64_t one = 1;
  static_cast<void>(!::write(wake_.get(), &one, sizeof(one)));
  if (thread_.joinable()) thread_.join();
  listeners_.clear();
  if (!where_.unix_path.empty() && !released_) ::unlink(where_.unix_path.c_str());
}

void AdminAcceptor::Run() {
  bool pause = false;
  std::vector<pollfd> fds = {{.fd = wake_.get(), .events = POLLIN, .revents = 0}};
  for (const UniqueFd& listener : listeners_) {
    fds.push_back({.fd = listener.get(), .events = POLLIN, .revents = 0});
  }
  while (!stop_.load()) {
    ::poll(fds.data(), pause ? 1 : fds.size(), pause ? kAcceptPauseMs : -1);
    pause = false;
    for (const UniqueFd& listener : listeners_) {
      Accepted last = Accepted::kOne;
      while (!stop_.load() && last == Accepted::kOne) last = AcceptFrom(listener.get());
      pause = pause || last == Accepted::kPause;
    }
  }
}

AdminAcceptor::Accepted AdminAcceptor::AcceptFrom(int listener) {
  UniqueFd idle;
  if (IsFull()) {
    idle = SelectIdle();
    if (!idle.valid()) return Accepted::kPause;
  }
  UniqueFd fd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (fd.valid()) {
    if (idle.valid()) {
      ::shutdown(idle.get(), SHUT_RDWR);  // gRPC closes it
      std::erase_if(held_,
                    [inode = InodeOf(idle.get())](const Held& h) { return h.inode == inode; });
    }
    HandOver(std::move(fd), listener);
    return Accepted::kOne;
  }
  switch (errno) {
    case EAGAIN:
      return Accepted::kNone;
    case EINTR:
    case ECONNABORTED:
      return Accepted::kOne;
    default:
      return Accepted::kPause;
  }
}

bool AdminAcceptor::IsFull() {
  if (held_.size() < connections_max_) return false;
  std::erase_if(held_, [](const Held& each) { return InodeOf(each.fd) != each.inode; });
  const bool full = held_.size() >= connections_max_;
  if (full && !said_full_) {
    log_.Write(LogLevel::kWarning, absl::StrCat("admin: ", held_.size(),
                                                " connections are open, which is the maximum; "
                                                "new ones take the places of idle ones"));
  }
  said_full_ = full;
  return full;
}

UniqueFd AdminAcceptor::SelectIdle() const {
  UniqueFd found;
  std::map<std::string, std::size_t> connections_of;
  for (const Held& held : held_) ++connections_of[held.peer];
  std::uint64_t most = 0;
  for (const Held& held : held_) {
    if (calls_.Has(held.peer)) continue;
    UniqueFd fd(::fcntl(held.fd, F_DUPFD_CLOEXEC, 0));
    if (!fd.valid() || InodeOf(fd.get()) != held.inode) continue;
    tcp_info info{};
    socklen_t size = sizeof(info);
    const bool tcp = ::getsockopt(fd.get(), IPPROTO_TCP, TCP_INFO, &info, &size) == 0;
    const std::uint64_t rank = 1 + (tcp ? info.tcpi_last_data_recv : connections_of[held.peer]);
    if (rank <= most) continue;
    most = rank;
    found = std::move(fd);
  }
  return found;
}

void AdminAcceptor::HandOver(UniqueFd fd, int listener) {
  std::optional<uid_t> uid;
  std::string key;
  if (where_.unix_path.empty()) {
    key = HostOf(fd.get());
    const int on = 1;
    static_cast<void>(::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)));
  } else {
    uid = UserOf(fd.get());
    if (!uid) return;
    key = absl::StrCat("uid ", *uid);
  }
  grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
  connection.listener_fd = listener;
  if (const auto inode = InodeOf(fd.get()))
    held_.push_back({fd.get(), *inode, CallPeerOf(fd.get())});
  connection.fd = fd.Release();
  SlotOf(key, uid).acceptor->HandleNewConnection(&connection);
}

AdminAcceptor::Slot& AdminAcceptor::SlotOf(const std::string& key, std::optional<uid_t> uid) {
  if (open_) return slots_.front();
  const auto known = slot_of_.find(key);
  if (known != slot_of_.end()) return slots_[known->second];
  // The last one is for the rest.
  if (slot_of_.size() + 1 < slots_.size()) {
    Slot& slot = slots_[slot_of_.size()];
    slot.origin->Set(key, uid);
    slot_of_.emplace(key, slot_of_.size());
    return slot;
  }
  if (!std::exchange(said_many_, true)) {
    log_.Write(LogLevel::kWarning,
               absl::StrCat("admin: connections from more than ", slots_.size() - 1,
                            " origins; refused calls from ", key,
                            " and later origins are logged without their address"));
  }
  return slots_.back();
}

}  // namespace echogw::server
