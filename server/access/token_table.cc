#include "server/access/token_table.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace echogw::server {
namespace {

constexpr std::string_view kHashPrefix = "sha256:";
constexpr std::size_t kNameMax = 64;

using Hash = std::array<unsigned char, 32>;

Hash HashOf(std::string_view token) {
  Hash hash{};
  const void* data = token.data();
  ::SHA256(static_cast<const unsigned char*>(data), token.size(), hash.data());
  return hash;
}

bool IsAlphanumeric(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)); }

bool OnlyOf(std::string_view text, std::string_view more) {
  return std::all_of(text.begin(), text.end(), [more](char c) {
    return IsAlphanumeric(c) || more.find(c) != std::string_view::npos;
  });
}

absl::Status Bad(std::size_t line, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat("line ", line, ": ", what));
}

absl::StatusOr<Hash> ReadHash(const std::string& text, std::size_t line) {
  const std::string hex = text.substr(kHashPrefix.size());
  Hash hash{};
  const absl::Status bad = Bad(line, "sha256: is not followed by 64 hexadecimal digits");
  if (hex.size() != 2 * hash.size()) return bad;
  const char* digits = hex.data();
  for (unsigned char& byte : hash) {
    const char* const next = digits + 2;
    if (std::from_chars(digits, next, byte, 16).ptr != next) return bad;
    digits = next;
  }
  return hash;
}

absl::StatusOr<Hash> ReadToken(const std::string& text, std::size_t line) {
  if (text.size() < TokenTable::kTokenMin || text.size() > TokenTable::kTokenMax) {
    return Bad(line,
               absl::StrCat("a token has ", TokenTable::kTokenMin, " to ", TokenTable::kTokenMax,
                            " characters, such as 'openssl rand -hex "
                            "32' prints"));
  }
  // The characters of a bearer token in RFC 6750.
  if (!OnlyOf(text, "-._~+/=")) {
    return Bad(line, "a token is made of letters, digits and -._~+/= only");
  }
  return HashOf(text);
}

}  // namespace

absl::StatusOr<TokenTable> TokenTable::Parse(const std::string& text) {
  TokenTable table;
  std::size_t number = 0;
  for (const absl::string_view raw : absl::StrSplit(text, '\n')) {
    ++number;
    const std::string line(absl::StripAsciiWhitespace(raw));
    if (line.empty() || line[0] == '#') continue;
    const std::vector<std::string> words =
        absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    if (words.size() != 3) return Bad(number, "needs three words: ROLE NAME TOKEN");
    Entry entry;
    if (words[0] == "viewer") entry.role = Role::kViewer;
    if (words[0] == "operator") entry.role = Role::kOperator;
    if (entry.role == Role::kNone) return Bad(number, "must begin with viewer or operator");
    entry.name = words[1];
    if (entry.name.size() > kNameMax || !OnlyOf(entry.name, "-._@")) {
      return Bad(number, "a name has at most 64 letters, digits and -._@");
    }
    const bool hashed = words[2].starts_with(kHashPrefix);
    auto hash = hashed ? ReadHash(words[2], number) : ReadToken(words[2], number);
    if (!hash.ok()) return hash.status();
    entry.hash = *hash;
    if (!hashed) table.has_plain_ = true;
    for (const Entry& other : table.entries_) {
      if (other.hash == entry.hash) return Bad(number, "duplicate token");
    }
    if (table.entries_.size() == kEntriesMax) return Bad(number, "more than 1000 tokens");
    table.entries_.push_back(std::move(entry));
  }
  return table;
}

const TokenTable::Entry* TokenTable::Find(std::string_view token) const {
  if (token.size() > kTokenMax) return nullptr;
  const Hash hash = HashOf(token);
  const Entry* found = nullptr;
  for (const Entry& entry : entries_) {
    if (::CRYPTO_memcmp(entry.hash.data(), hash.data(), hash.size()) == 0) found = &entry;
  }
  return found;
}

}  // namespace echogw::server
