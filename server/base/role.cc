#include "server/base/role.h"

#include <cctype>
#include <string_view>

namespace echogw::server {
namespace {

constexpr std::string_view kAdmin = "/echogw.admin.v1.Admin/";
constexpr std::string_view kHealth = "/grpc.health.v1.Health/";
// v1alpha is served. Clients ask for v1 first and need UNIMPLEMENTED to try the other.
constexpr std::string_view kReflection = "/grpc.reflection.v1";

// "GetInfo" for "Get", but not "Getaway".
bool BeginsWithWord(std::string_view method, std::string_view word) {
  return method.starts_with(word) && method.size() > word.size() &&
         std::isupper(static_cast<unsigned char>(method[word.size()])) != 0;
}

}  // namespace

Role RoleNeeded(const std::string& path) {
  const std::string_view text = path;
  if (text.starts_with(kHealth)) return Role::kNone;
  if (text.starts_with(kReflection)) return Role::kViewer;
  if (!text.starts_with(kAdmin)) return Role::kOperator;
  const std::string_view method = text.substr(kAdmin.size());
  // Without a level it only reports; its handler requires an operator for more.
  if (method == "SetLogLevel") return Role::kViewer;
  for (const std::string_view word : {"Get", "List", "Watch"}) {
    if (BeginsWithWord(method, word)) return Role::kViewer;
  }
  return Role::kOperator;
}

}  // namespace echogw::server
