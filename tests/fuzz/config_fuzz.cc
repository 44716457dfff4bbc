// Goal: no text can crash the reading of a configuration, an error is one line that names its
// place, and what was accepted survives being printed and read again. Method: the fuzzer's bytes
// are a file, and, before the first zero byte, a value of the environment.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string>

#include "reactor/base/check.h"
#include "server/config/config_file.h"
#include "server/config/config_loader.h"

namespace echogw::server {
namespace {

// Every key by number, so that the fuzzer reaches the parser of each value.
std::string VariableOf(std::uint8_t number) {
  static const std::vector<Setting> settings = LoadConfig({}, {}, "", Machine{})->settings;
  std::string name = "ECHOGW_" + settings[number % settings.size()].key;
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) {
    return c == '-' ? '_' : static_cast<char>(std::toupper(c));
  });
  return name;
}

void CheckMessage(const absl::Status& status) {
  CHECK(status.code() == absl::StatusCode::kInvalidArgument);
  CHECK(!status.message().empty());
  CHECK(status.message().find('\n') == std::string::npos);
}

void ReadFile(const std::string& text) {
  const auto parsed = ParseConfigText(text, "fuzz.toml");
  if (!parsed.ok()) return CheckMessage(parsed.status());
  std::vector<Setting> settings;
  for (const FileSetting& one : *parsed) {
    CHECK(!one.key.empty());
    CHECK(one.source.rfind("fuzz.toml:", 0) == 0);
  }
}

void ReadVariable(std::uint8_t number, const std::string& value) {
  const auto loaded = LoadConfig({}, {{VariableOf(number), value}}, "", Machine{});
  if (!loaded.ok()) return CheckMessage(loaded.status());
  // What --print-config prints is read as the same settings.
  const auto again = ParseConfigText(FormatConfig(loaded->settings), "printed.toml");
  CHECK(again.ok());
  for (const FileSetting& one : *again) {
    const auto same = std::find_if(loaded->settings.begin(), loaded->settings.end(),
                                   [&one](const Setting& s) { return s.key == one.key; });
    CHECK(same != loaded->settings.end());
    CHECK(same->values == one.values);
  }
}

}  // namespace
}  // namespace echogw::server

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string text(data + 1, data + size);
  if (data[0] == 0) {
    echogw::server::ReadFile(text);
  } else {
    echogw::server::ReadVariable(data[0], text);
  }
  return 0;
}
