#include "reactor/service.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "reactor/services/banner.h"
#include "reactor/services/chargen.h"
#include "reactor/services/discard.h"
#include "reactor/services/echo.h"

namespace echogw {
namespace {

constexpr ServiceMode kModes[] = {
    {"echo", &EchoService},
    {"discard", &DiscardService},
    {"chargen", &ChargenService, true, true},
    {"banner", &BannerService, true},
};

}  // namespace

std::span<const ServiceMode> ServiceModes() { return kModes; }

const ServiceMode* FindServiceMode(std::string_view word) {
  const auto* row = std::find_if(std::begin(kModes), std::end(kModes),
                                 [word](const ServiceMode& m) { return m.word == word; });
  return row == std::end(kModes) ? nullptr : row;
}

std::string ServiceWords() {
  return absl::StrJoin(kModes, ", ",
                       [](std::string* out, const ServiceMode& m) { *out += m.word; });
}

std::string Service::ToString() const {
  std::string out;
  const auto add = [&out](const char* word) {
    absl::StrAppend(&out, out.empty() ? "" : "+", word);
  };
  if (proxy == ProxyUse::kRequired) add("proxy");
  if (proxy == ProxyUse::kOptional) add("proxy-optional");
  if (tls) add("tls");
  if (mode != ServiceModes().data()) add(mode->word);
  return out;
}

}  // namespace echogw
