// The bearer tokens of the admin port, from a file with one a line:
//
//   # role   name      token, or its SHA-256
//   operator alice     5d41402abc4b2a76b9719d911017c592
//   viewer   grafana   sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824
//
// A value; only hashes are kept. Messages never quote what may be a secret.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/base/role.h"

namespace echogw::server {

class TokenTable {
 public:
  // Short tokens can be guessed; longer ones may not fit into a header.
  static constexpr std::size_t kTokenMin = 16;
  static constexpr std::size_t kTokenMax = 1024;
  static constexpr std::size_t kEntriesMax = 1000;

  struct Entry {
    Role role = Role::kNone;
    std::string name;
    std::array<unsigned char, 32> hash{};
  };

  // Errors begin with the number of the line.
  [[nodiscard]] static absl::StatusOr<TokenTable> Parse(const std::string& text);

  // The entry of a token; null if there is none. Takes the same time for every token.
  [[nodiscard]] const Entry* Find(std::string_view token) const;

  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  // Whether the file holds a token in plain text, which any reader of the file can use.
  [[nodiscard]] bool has_plain() const { return has_plain_; }

 private:
  std::vector<Entry> entries_;
  bool has_plain_ = false;
};

}  // namespace echogw::server
