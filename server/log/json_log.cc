#include "server/log/json_log.h"

#include <spdlog/common.h>
#include <spdlog/details/log_msg.h>
#include <spdlog/pattern_formatter.h>

#include <utility>

#include "absl/strings/str_format.h"
#include "server/base/plain_text.h"
#include "server/base/utf8.h"

namespace echogw::server {
namespace {

// Of a character of up to three bytes.
unsigned CodePoint(std::string_view c) {
  const unsigned lead = static_cast<unsigned char>(c[0]);
  if (c.size() == 1) return lead;
  unsigned point = lead & (c.size() == 2 ? 0x1FU : 0x0FU);
  for (const char next : c.substr(1)) point = point << 6U | (static_cast<unsigned>(next) & 0x3FU);
  return point;
}

class JsonFormatter final : public spdlog::formatter {
 public:
  explicit JsonFormatter(std::string time_pattern)
      : time_pattern_(std::move(time_pattern)),
        time_(time_pattern_, spdlog::pattern_time_type::local, "") {}

  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& to) override {
    constexpr std::string_view kTime = R"({"time":")";
    to.append(kTime.data(), kTime.data() + kTime.size());
    time_.format(message, to);
    const auto level = spdlog::level::to_string_view(message.level);
    text_ = R"(","level":")";
    text_.append(level.data(), level.size());
    text_ += R"(","message":)";
    AppendJsonString({message.payload.data(), message.payload.size()}, text_);
    text_ += "}\n";
    to.append(text_.data(), text_.data() + text_.size());
  }

  [[nodiscard]] std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<JsonFormatter>(time_pattern_);
  }

 private:
  const std::string time_pattern_;
  spdlog::pattern_formatter time_;
  std::string text_;  // kept for its memory
};

}  // namespace

void AppendJsonString(std::string_view text, std::string& to) {
  to += '"';
  while (!text.empty()) {
    const std::size_t length = Utf8Length(text);
    const char c = text[0];
    if (length == 0) {
      to += "\xEF\xBF\xBD";
    } else if (c == '"' || c == '\\') {
      to += '\\';
      to += c;
    } else if (c == '\n') {
      to += "\\n";
    } else if (c == '\t') {
      to += "\\t";
    } else if (!IsPlain(text.substr(0, length))) {
      to += absl::StrFormat("\\u%04x", CodePoint(text.substr(0, length)));
    } else {
      to.append(text.substr(0, length));
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  to += '"';
}

std::unique_ptr<spdlog::formatter> MakeJsonFormatter(const std::string& time_pattern) {
  return std::make_unique<JsonFormatter>(time_pattern);
}

}  // namespace echogw::server
