#include "reactor/services/tls_stream.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <cerrno>
#include <utility>

#include "reactor/base/check.h"

namespace echogw {
namespace {

using Wire = TlsStream::Wire;

// What one call may read from the socket: some records of the largest size. OpenSSL reads on while
// what it gets is no payload.
constexpr std::uint32_t kReadsPerCall = 16;
// Records without payload (key updates, refused renegotiations) between two that have some. Each
// costs as much as a long record of payload, or more; BoringSSL and Go have such a limit, too.
constexpr std::uint32_t kIdleRecordsMax = 32;

int WireRead(BIO* bio, char* into, int size) {
  auto& wire = *static_cast<Wire*>(::BIO_get_data(bio));
  ::BIO_clear_retry_flags(bio);
  if (wire.reads_left == 0) {
    wire.refused = true;
    ::BIO_set_retry_read(bio);
    return -1;
  }
  --wire.reads_left;
  auto buffer = std::as_writable_bytes(std::span(into, static_cast<std::size_t>(size)));
  const IoResult r = wire.io->Read(wire.fd, buffer);
  switch (r.status) {
    case IoStatus::kOk:
    case IoStatus::kQueued:
      return static_cast<int>(r.bytes);
    case IoStatus::kWouldBlock:
      ::BIO_set_retry_read(bio);
      return -1;
    case IoStatus::kEof:
      wire.ended = true;
      return 0;
    case IoStatus::kError:
      break;
  }
  wire.error = r.error;
  return -1;
}

int WireWrite(BIO* bio, const char* from, int size) {
  auto& wire = *static_cast<Wire*>(::BIO_get_data(bio));
  ::BIO_clear_retry_flags(bio);
  if (size <= 0) return 0;
  const IoResult w =
      wire.io->Write(wire.fd, std::as_bytes(std::span(from, static_cast<std::size_t>(size))));
  if (w.status == IoStatus::kOk && w.bytes > 0) return static_cast<int>(w.bytes);
  if (w.status == IoStatus::kError) {
    wire.error = w.error;
  } else {
    ::BIO_set_retry_write(bio);
  }
  return -1;
}

long WireControl(BIO* /*bio*/, int command, long /*number*/, void* /*pointer*/) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;  // nothing is buffered
}

int WireCreate(BIO* bio) {
  ::BIO_set_init(bio, 1);
  return 1;
}

BIO_METHOD* MakeWireMethod() {
  BIO_METHOD* method = ::BIO_meth_new(::BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "echogw wire");
  CHECK(method != nullptr);
  ::BIO_meth_set_read(method, &WireRead);
  ::BIO_meth_set_write(method, &WireWrite);
  ::BIO_meth_set_ctrl(method, &WireControl);
  ::BIO_meth_set_create(method, &WireCreate);
  return method;
}

// Made once and never changed or freed.
const BIO_METHOD* WireMethod() {
  static const BIO_METHOD* const method = MakeWireMethod();
  return method;
}

// Called for each record and for each message in one.
void CountRecord(int written, int /*version*/, int type, const void* /*from*/, std::size_t /*size*/,
                 SSL* /*ssl*/, void* wire) {
  if (written == 0 && type == SSL3_RT_HEADER) ++static_cast<Wire*>(wire)->idle_records;
}

TlsFailure FailureOf(unsigned long error) {
  const int reason = ERR_GET_REASON(error);
  switch (reason) {
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_UNKNOWN_PROTOCOL:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
      return TlsFailure::kNotTls;
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_VERSION_TOO_HIGH:
      return TlsFailure::kVersion;
    case SSL_R_NO_SHARED_CIPHER:
      return TlsFailure::kCipher;
    default:
      return ERR_GET_LIB(error) == ERR_LIB_SSL && reason > SSL_AD_REASON_OFFSET
                 ? TlsFailure::kAlert
                 : TlsFailure::kOther;
  }
}

}  // namespace

TlsStream::TlsStream(SslHandle ssl) : ssl_(std::move(ssl)) {
  BIO* bio = ::BIO_new(WireMethod());
  CHECK(bio != nullptr);  // as operator new: out of memory
  ::BIO_set_data(bio, &wire_);
  ::SSL_set_bio(ssl_.get(), bio, bio);
  ::SSL_set_msg_callback(ssl_.get(), &CountRecord);
  ::SSL_set_msg_callback_arg(ssl_.get(), &wire_);
}

TlsStream::~TlsStream() = default;

void TlsStream::Begin(SocketIo& io, int fd) noexcept {
  wire_.io = &io;
  wire_.fd = fd;
  wants_write_ = false;
  ::ERR_clear_error();  // another connection's is none of ours
}

void TlsStream::BeginRead(SocketIo& io, int fd) noexcept {
  Begin(io, fd);
  wire_.reads_left = kReadsPerCall;
  wire_.refused = false;
}

IoStatus TlsStream::Explain(int result) noexcept {
  switch (::SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return IoStatus::kWouldBlock;
    case SSL_ERROR_WANT_WRITE:
      wants_write_ = true;
      return IoStatus::kWouldBlock;
    case SSL_ERROR_ZERO_RETURN:
      return IoStatus::kEof;
    case SSL_ERROR_SYSCALL:
      if (wire_.error == 0 && wire_.ended) return IoStatus::kEof;
      break;
    default:
      failure_ = FailureOf(::ERR_peek_error());
      break;
  }
  broken_ = true;
  ::ERR_clear_error();
  return IoStatus::kError;
}

IoStatus TlsStream::Handshake(SocketIo& io, int fd) noexcept {
  BeginRead(io, fd);
  const int result = ::SSL_do_handshake(ssl_.get());
  wire_.idle_records = 0;
  return result == 1 ? IoStatus::kOk : Explain(result);
}

IoResult TlsStream::Read(SocketIo& io, int fd, std::span<std::byte> into) noexcept {
  BeginRead(io, fd);
  std::size_t n = 0;
  const int result = ::SSL_read_ex(ssl_.get(), into.data(), into.size(), &n);
  if (wire_.idle_records > kIdleRecordsMax + (result == 1 ? 1 : 0)) {
    broken_ = true;
    return {IoStatus::kError, 0, EPROTO};
  }
  if (result == 1) {
    wire_.idle_records = 0;
    return {IoStatus::kOk, n, 0};
  }
  const IoStatus status = Explain(result);
  return {status, 0, status == IoStatus::kError ? (wire_.error != 0 ? wire_.error : EPROTO) : 0};
}

IoResult TlsStream::Write(SocketIo& io, int fd, std::span<const std::byte> from) noexcept {
  Begin(io, fd);
  // Not in the handshake: a client that only sends never reads it, and what is unread when it
  // closes makes its kernel send RST, which may overtake the last of its bytes here. Fails, and
  // need not succeed, for a client and before TLS 1.3.
  if (!std::exchange(ticket_sent_, true)) (void)::SSL_new_session_ticket(ssl_.get());
  std::size_t written = 0;
  while (written < from.size()) {
    std::size_t n = 0;
    const auto rest = from.subspan(written);
    const int result = ::SSL_write_ex(ssl_.get(), rest.data(), rest.size(), &n);
    if (result == 1) {
      written += n;
      continue;
    }
    const IoStatus status = Explain(result);
    if (status == IoStatus::kWouldBlock) break;
    return {IoStatus::kError, 0, wire_.error != 0 ? wire_.error : EPROTO};
  }
  return {written > 0 ? IoStatus::kOk : IoStatus::kWouldBlock, written, 0};
}

IoStatus TlsStream::SendEnd(SocketIo& io, int fd) noexcept {
  if (broken_) return IoStatus::kError;
  Begin(io, fd);
  const int result = ::SSL_shutdown(ssl_.get());
  if (result >= 0) return IoStatus::kOk;
  const IoStatus status = Explain(result);
  // Having sent it, OpenSSL would like to read the other side's.
  return status == IoStatus::kWouldBlock && !wants_write_ ? IoStatus::kOk : status;
}

const char* TlsStream::version() const { return ::SSL_get_version(ssl_.get()); }

const char* TlsStream::cipher() const {
  const char* name = ::SSL_CIPHER_get_name(::SSL_get_current_cipher(ssl_.get()));
  return name == nullptr ? "" : name;
}

}  // namespace echogw
