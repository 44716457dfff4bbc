#include "reactor/services/tls_context.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"

namespace echogw {
namespace {

using Bio = std::unique_ptr<BIO, decltype(&::BIO_free)>;
using Certificate = std::unique_ptr<X509, decltype(&::X509_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&::EVP_PKEY_free)>;
using Context = std::unique_ptr<SSL_CTX, decltype(&::SSL_CTX_free)>;

absl::Status Failed(const char* what) {
  std::array<char, 256> text{};
  ::ERR_error_string_n(::ERR_peek_last_error(), text.data(), text.size());
  ::ERR_clear_error();
  return absl::InvalidArgumentError(absl::StrCat("TLS: ", what, ": ", text.data()));
}

Bio Over(const std::string& text) {
  return {::BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), &::BIO_free};
}

// OpenSSL would ask for a passphrase at the terminal.
int NoPassphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*data*/) { return -1; }

absl::Status UseCertificates(SSL_CTX* context, const std::string& pem) {
  const Bio from = Over(pem);
  const auto next = [&from] {
    return Certificate(::PEM_read_bio_X509(from.get(), nullptr, &NoPassphrase, nullptr),
                       &::X509_free);
  };
  const Certificate leaf = next();
  if (leaf == nullptr || ::SSL_CTX_use_certificate(context, leaf.get()) != 1) {
    return Failed("the certificate");
  }
  for (Certificate above = next(); above != nullptr; above = next()) {
    if (::SSL_CTX_add1_chain_cert(context, above.get()) != 1) return Failed("the chain");
  }
  ::ERR_clear_error();  // the end of the text is one
  return absl::OkStatus();
}

void SetUp(SSL_CTX* context) {
  ::SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  ::SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  // A write says how much of it is gone, and is tried again from another buffer. Buffers of a
  // connection that is at rest are freed.
  ::SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
  // Resumption is by tickets, which the clients keep.
  ::SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  // TLS 1.3: sent with the first payload instead (TlsStream::Write).
  ::SSL_CTX_set_num_tickets(context, 0);
  // One read for the head and the body of a record.
  ::SSL_CTX_set_read_ahead(context, 1);
}

}  // namespace

void SslDeleter::operator()(SSL* ssl) const noexcept { ::SSL_free(ssl); }

TlsContext::~TlsContext() { ::SSL_CTX_free(context_); }

absl::Status TlsContext::Load(const std::string& certificates, const std::string& key) {
  ::ERR_clear_error();
  Context context(::SSL_CTX_new(::TLS_server_method()), &::SSL_CTX_free);
  if (context == nullptr) return Failed("SSL_CTX_new");
  SetUp(context.get());
  if (absl::Status s = UseCertificates(context.get(), certificates); !s.ok()) return s;
  const Bio key_text = Over(key);
  const Key private_key(::PEM_read_bio_PrivateKey(key_text.get(), nullptr, &NoPassphrase, nullptr),
                        &::EVP_PKEY_free);
  if (private_key == nullptr || ::SSL_CTX_use_PrivateKey(context.get(), private_key.get()) != 1 ||
      ::SSL_CTX_check_private_key(context.get()) != 1) {
    return Failed("the private key");
  }
  SSL_CTX* old = context.release();
  {
    const std::scoped_lock lock(mutex_);
    std::swap(old, context_);
  }
  ::SSL_CTX_free(old);  // connections hold their own reference
  return absl::OkStatus();
}

SslHandle TlsContext::NewServerSide() {
  const std::scoped_lock lock(mutex_);
  if (context_ == nullptr) return nullptr;
  SslHandle ssl(::SSL_new(context_));
  if (ssl != nullptr) ::SSL_set_accept_state(ssl.get());
  ::ERR_clear_error();
  return ssl;
}

}  // namespace echogw
