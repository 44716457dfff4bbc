// Goal: no bytes crash the PROXY parser, a verdict stands whatever follows, and a session echoes
// exactly what is behind the header however the bytes arrive. Method: the fuzzer's bytes are the
// sizes of pieces, up to the first zero, then what a client sends.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "reactor/base/check.h"
#include "reactor/services/session.h"
#include "tests/support/scripted_socket_io.h"

namespace echogw {
namespace {

constexpr int kFd = 77;

std::span<const std::byte> AsBytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

ProxyHeader CheckPrefixes(std::string_view bytes) {
  const ProxyHeader whole = ParseProxyHeader(AsBytes(bytes));
  bool decided = false;
  for (std::size_t n = 0; n <= bytes.size(); ++n) {
    const ProxyHeader part = ParseProxyHeader(AsBytes(bytes.substr(0, n)));
    if (part.status == ProxyStatus::kNeedMore) {
      CHECK(!decided);
      CHECK(n < kProxyV2BytesMax);
      continue;
    }
    decided = true;
    CHECK(part.status == whole.status && part.bytes == whole.bytes);
    CHECK(part.source == whole.source && part.destination == whole.destination);
    CHECK(part.bytes <= n && part.bytes <= kProxyV2BytesMax);
  }
  return whole;
}

void Serve(std::string_view pieces, std::string_view bytes, const ProxyHeader& header) {
  ScriptedSocketIo io;
  BufferPool pool;
  Counters counters;
  std::vector<std::byte> scratch(512);
  const EchoContext context{io, pool, counters, scratch, 2048, Transform::kNone};
  const std::string instance = "i";
  const ServerFacts facts{instance, instance, 0};
  Connection c;
  c.fd = kFd;
  Session session({.proxy = ProxyUse::kRequired}, 0);
  bool over = false;
  for (std::size_t at = 0, piece = 0; at < bytes.size() && !over; ++piece) {
    const std::size_t n =
        pieces.empty() ? 64 : static_cast<unsigned char>(pieces[piece % pieces.size()]);
    io.ReadGives(kFd, bytes.substr(at, n));
    at += std::min(n, bytes.size() - at);
    EchoResult result;
    do {
      result = session.Turn(c, context, facts);
    } while (result.outcome == EchoOutcome::kMore || result.outcome == EchoOutcome::kBlocked);
    over = result.outcome == EchoOutcome::kClose;
  }
  DropPending(c, context);
  CHECK(session.waiting() == (header.status != ProxyStatus::kHeader));
  CHECK(over == (header.status != ProxyStatus::kHeader && header.status != ProxyStatus::kNeedMore));
  if (session.waiting()) {
    CHECK(io.written(kFd).empty());
    return;
  }
  CHECK(io.written(kFd) == bytes.substr(header.bytes));
  CHECK(session.client() == header.source);
}

}  // namespace
}  // namespace echogw

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string input(data, data + size);
  const std::size_t zero = std::min(input.find('\0'), input.size());
  const std::string_view pieces = std::string_view(input).substr(0, zero);
  const std::string_view bytes = std::string_view(input).substr(std::min(zero + 1, input.size()));
  echogw::Serve(pieces, bytes, echogw::CheckPrefixes(bytes));
  return 0;
}
