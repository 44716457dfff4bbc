#include "ctl/engine/tls_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <cerrno>

#include "absl/strings/str_cat.h"

namespace echogw::ctl::load {
namespace {

bool IsAddress(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> address{};
  return inet_pton(AF_INET, host.c_str(), address.data()) == 1 ||
         inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const TlsSettings>> TlsSettings::Create(const std::string& ca_file,
                                                                       bool insecure,
                                                                       const std::string& host) {
  std::shared_ptr<TlsSettings> settings(new TlsSettings());
  settings->host_ = host;
  settings->insecure_ = insecure;
  settings->context_ = SSL_CTX_new(TLS_client_method());
  if (settings->context_ == nullptr) return absl::InternalError("OpenSSL gives no context");
  SSL_CTX* context = settings->context_;
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  if (insecure) return settings;
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  const int loaded = ca_file.empty() ? SSL_CTX_set_default_verify_paths(context)
                                     : SSL_CTX_load_verify_file(context, ca_file.c_str());
  ERR_clear_error();
  if (loaded == 1) return settings;
  return absl::InvalidArgumentError(
      absl::StrCat("--tls-ca: '", ca_file, "' holds no certificate in PEM that can be read"));
}

TlsSettings::~TlsSettings() { SSL_CTX_free(context_); }

TlsClient::TlsClient(const TlsSettings& settings, int fd) : ssl_(SSL_new(settings.context_)) {
  if (ssl_ == nullptr) return;
  SSL_set_connect_state(ssl_);
  SSL_set_fd(ssl_, fd);
  const std::string& host = settings.host_;
  if (host.empty()) return;
  const bool address = IsAddress(host);
  if (!address) {
    // What the macro SSL_set_tlsext_host_name does, without its cast of an older style.
    std::string name = host;
    SSL_ctrl(ssl_, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data());
  }
  if (settings.insecure_) return;
  if (address) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_), host.c_str());
  } else {
    SSL_set1_host(ssl_, host.c_str());
  }
}

TlsClient::~TlsClient() { SSL_free(ssl_); }

TlsClient::Progress TlsClient::Handshake() {
  if (ssl_ == nullptr) {
    error_ = "no memory";
    return Progress::kFailed;
  }
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_);
  if (result == 1) return Progress::kDone;
  if (Explain(result) < 0 && errno == EAGAIN) return Progress::kPending;
  if (error_.empty()) error_ = "the endpoint closed the connection; does it speak TLS?";
  return Progress::kFailed;
}

ssize_t TlsClient::Receive(void* into, std::size_t size) {
  ERR_clear_error();
  std::size_t got = 0;
  const int result = SSL_read_ex(ssl_, into, size, &got);
  return result == 1 ? static_cast<ssize_t>(got) : Explain(result);
}

ssize_t TlsClient::Send(const void* from, std::size_t size) {
  std::size_t sent = 0;
  while (sent < size) {
    ERR_clear_error();
    std::size_t n = 0;
    const int result = SSL_write_ex(ssl_, static_cast<const char*>(from) + sent, size - sent, &n);
    if (result != 1) {
      (void)Explain(result);
      return sent > 0 && errno == EAGAIN ? static_cast<ssize_t>(sent) : -1;
    }
    sent += n;
  }
  return static_cast<ssize_t>(sent);
}

void TlsClient::End() {
  ERR_clear_error();
  SSL_shutdown(ssl_);
}

ssize_t TlsClient::Explain(int result) {
  const int saved = errno;
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      errno = EAGAIN;
      return -1;
    case SSL_ERROR_ZERO_RETURN:
      return 0;
    case SSL_ERROR_SYSCALL:
      errno = saved == 0 ? ECONNRESET : saved;
      return -1;
    default:
      break;
  }
  const unsigned long error = ERR_peek_error();
  const char* reason = ERR_reason_error_string(error);
  const long verdict = SSL_get_verify_result(ssl_);
  error_ = verdict != X509_V_OK ? X509_verify_cert_error_string(verdict)
           : reason != nullptr  ? reason
                                : "TLS failed";
  ERR_clear_error();
  errno = EPROTO;
  return -1;
}

}  // namespace echogw::ctl::load
