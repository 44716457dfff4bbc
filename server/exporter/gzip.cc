#include "server/exporter/gzip.h"

// So that the input may be const.
#define ZLIB_CONST
#include <zlib.h>

#include <cstddef>
#include <limits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace echogw::server {
namespace {

// 15 is the largest window; 16 more asks for gzip's header instead of zlib's (zlib.h).
constexpr int kGzipWindow = 15 + 16;
constexpr int kMemoryLevel = 8;  // zlib's default

}  // namespace

std::optional<std::string> Gzip(const std::string& text) {
  if (text.size() > std::numeric_limits<uInt>::max()) return std::nullopt;
  z_stream stream{};
  if (::deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, kGzipWindow, kMemoryLevel,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
    return std::nullopt;
  }
  std::string out(::deflateBound(&stream, text.size()), '\0');
  const void* in = text.data();
  void* to = out.data();
  stream.next_in = static_cast<const Bytef*>(in);
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = static_cast<Bytef*>(to);
  stream.avail_out = static_cast<uInt>(out.size());
  const int result = ::deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  ::deflateEnd(&stream);
  if (result != Z_STREAM_END) return std::nullopt;
  return out;
}

bool NamesGzip(const std::string& accept_encoding) {
  for (const absl::string_view entry : absl::StrSplit(accept_encoding, ',')) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(entry, absl::MaxSplits(';', 1));
    if (!absl::EqualsIgnoreCase(absl::StripAsciiWhitespace(parts.first), "gzip")) continue;
    const std::pair<absl::string_view, absl::string_view> quality =
        absl::StrSplit(parts.second, absl::MaxSplits('=', 1));
    double q = 1;
    return !absl::SimpleAtod(absl::StripAsciiWhitespace(quality.second), &q) || q > 0;
  }
  return false;
}

}  // namespace echogw::server
