// The tree behind `-o json` and `-o yaml`: plain values, objects that keep their order, and 64-bit
// integers that stay integers. A value type; no thread owns it.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace echogw::ctl {

class Document {
 public:
  using Member = std::pair<std::string, Document>;

  Document() = default;  // null
  Document(bool value) : value_(value) {}
  Document(int value) : value_(std::int64_t{value}) {}
  Document(std::int64_t value) : value_(value) {}
  Document(std::uint32_t value) : value_(std::uint64_t{value}) {}
  Document(std::uint64_t value) : value_(value) {}
  // Written with the fewest digits that read back the same; null when not finite.
  Document(double value) : value_(value) {}
  Document(const char* value) : value_(std::string(value)) {}
  Document(std::string value) : value_(std::move(value)) {}

  [[nodiscard]] static Document Object(std::initializer_list<Member> members = {});
  [[nodiscard]] static Document Array();

  // Appends a member; the caller keeps keys unique. Only on an object.
  Document& Set(std::string key, Document value);
  // Only on an array.
  Document& Append(Document value);

  // JSON on one line when `pretty` is false, else indented by two; no line end after it.
  void WriteJson(std::ostream& out, bool pretty) const;
  // Block-style YAML 1.2, each line ended. The caller writes the "---" of a stream.
  void WriteYaml(std::ostream& out) const;

 private:
  struct ObjectValue {
    std::vector<Member> members;
  };
  struct ArrayValue {
    std::vector<Document> items;
  };

  void WriteJsonAt(std::ostream& out, bool pretty, int depth) const;
  void WriteYamlAt(std::ostream& out, int depth, bool after_dash) const;
  void WriteYamlValue(std::ostream& out, int depth) const;
  void WriteScalar(std::ostream& out) const;

  std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string, ObjectValue,
               ArrayValue>
      value_;
};

// `text` in double quotes, escaped for JSON; bytes that are not UTF-8 become U+FFFD.
std::string JsonQuote(std::string_view text);

}  // namespace echogw::ctl
