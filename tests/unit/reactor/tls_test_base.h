// Shared by the tests of TLS on the data port: a client that is stepped like the reactor, over the
// same stream class in the client role.
#pragma once

#include <fcntl.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "reactor/services/tls_stream.h"
#include "tests/support/tls_identity.h"
#include "tests/unit/reactor/reactor_test_base.h"

namespace echogw {

inline const TlsIdentity& Identity() {
  static const TlsIdentity identity = MakeTlsIdentity("gw.example");
  return identity;
}

class TlsTestClient {
 public:
  explicit TlsTestClient(std::uint16_t port, int version = TLS1_3_VERSION,
                         const TestClientOptions& options = {})
      : tcp_(port, options), context_(::SSL_CTX_new(::TLS_client_method()), &::SSL_CTX_free) {
    // OpenSSL follows the mode of the socket.
    EXPECT_EQ(::fcntl(tcp_.fd(), F_SETFL, O_NONBLOCK), 0);
    ::SSL_CTX_set_min_proto_version(context_.get(), TLS1_VERSION);
    ::SSL_CTX_set_max_proto_version(context_.get(), version);
    ::SSL_CTX_set_security_level(context_.get(), 0);
    ::SSL_CTX_set_mode(context_.get(),
                       SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SslHandle ssl(::SSL_new(context_.get()));
    ssl_ = ssl.get();
    ::SSL_set_connect_state(ssl_);
    stream_ = std::make_unique<TlsStream>(std::move(ssl));
  }

  [[nodiscard]] TestClient& tcp() { return tcp_; }
  [[nodiscard]] const std::string& received() const { return received_; }
  [[nodiscard]] bool ended() const { return ended_; }
  [[nodiscard]] bool got_close_notify() const {
    return (::SSL_get_shutdown(ssl_) & SSL_RECEIVED_SHUTDOWN) != 0;
  }
  [[nodiscard]] std::string server_name() const {
    char name[64] = "";
    X509* certificate = ::SSL_get1_peer_certificate(ssl_);
    if (certificate == nullptr) return "";
    ::X509_NAME_get_text_by_NID(::X509_get_subject_name(certificate), NID_commonName, name,
                                sizeof(name));
    ::X509_free(certificate);
    return name;
  }

  // True once done.
  bool Handshake() { return stream_->Handshake(io_, tcp_.fd()) == IoStatus::kOk; }
  std::size_t SendSome(std::string_view bytes) {
    if (bytes.empty()) return 0;
    const IoResult w =
        stream_->Write(io_, tcp_.fd(), std::as_bytes(std::span(bytes.data(), bytes.size())));
    return w.status == IoStatus::kOk ? w.bytes : 0;
  }
  void Pump(std::size_t most = SIZE_MAX) {
    std::vector<std::byte> into(16384);
    while (most > 0) {
      auto buffer = std::span(into).first(std::min(most, into.size()));
      const IoResult r = stream_->Read(io_, tcp_.fd(), buffer);
      if (r.status == IoStatus::kEof || r.status == IoStatus::kError) ended_ = true;
      if (r.status != IoStatus::kOk) return;
      const void* data = into.data();
      received_.append(static_cast<const char*>(data), r.bytes);
      most -= r.bytes;
    }
  }
  void UpdateKey() {
    EXPECT_EQ(::SSL_key_update(ssl_, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
    EXPECT_EQ(::SSL_do_handshake(ssl_), 1);
  }
  [[nodiscard]] bool has_ticket() const {
    return ::SSL_SESSION_is_resumable(::SSL_get0_session(ssl_)) == 1;
  }
  void SendEnd() { EXPECT_EQ(stream_->SendEnd(io_, tcp_.fd()), IoStatus::kOk); }

 private:
  KernelSocketIo io_;
  TestClient tcp_;
  std::unique_ptr<SSL_CTX, decltype(&::SSL_CTX_free)> context_;
  SSL* ssl_ = nullptr;  // of stream_
  std::unique_ptr<TlsStream> stream_;
  std::string received_;
  bool ended_ = false;
};

class ReactorTlsTest : public ReactorTest {
 protected:
  ReactorTlsTest() { EXPECT_TRUE(tls_.Load(Identity().certificate, Identity().key).ok()); }

  [[nodiscard]] TestReactorOptions Serving(Service service = {},
                                           TestReactorOptions options = Options()) {
    service.tls = true;
    options.service = service;
    options.tls = &tls_;
    return options;
  }
  [[nodiscard]] TestReactorOptions Target(TestReactorOptions options = Options()) {
    options.tls = &tls_;
    options.reactor.id = 1;
    options.deaf = true;
    return options;
  }
  static std::unique_ptr<TlsTestClient> Connect(TestReactor& reactor, int version = TLS1_3_VERSION,
                                                const TestClientOptions& options = {}) {
    auto client = std::make_unique<TlsTestClient>(reactor.port(), version, options);
    EXPECT_TRUE(reactor.TurnUntil([&] { return client->Handshake(); }));
    return client;
  }
  // Sends everything and receives it back.
  static void ExpectEcho(const std::vector<TestReactor*>& reactors, TlsTestClient& client,
                         std::string_view bytes) {
    const std::size_t before = client.received().size();
    std::string_view left = bytes;
    ASSERT_TRUE(TurnAllUntil(reactors, [&] {
      left.remove_prefix(client.SendSome(left));
      client.Pump();
      return client.received().size() - before >= bytes.size() || client.ended();
    })) << client.received().size() - before;
    ASSERT_TRUE(std::string_view(client.received()).substr(before) == bytes);
  }
  static std::uint64_t Failures(const TestReactor& reactor, TlsFailure failure) {
    return reactor.counters().tls_failures[static_cast<std::size_t>(failure)];
  }

  TlsContext tls_;
};

}  // namespace echogw
