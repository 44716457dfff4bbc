#include "server/base/build_info.h"

#include "absl/strings/str_cat.h"
#include "server/build_info_generated.h"
#include "server/revision.h"

namespace echogw::server {

const BuildInfo& GetBuildInfo() {
  static const BuildInfo info{.version = generated::kVersion,
                              .revision = generated::kRevision,
                              .compiler = generated::kCompiler,
                              .build_type = generated::kBuildType};
  return info;
}

std::string VersionLine() {
  const BuildInfo& info = GetBuildInfo();
  return absl::StrCat("echogw ", info.version, " (revision ",
                      info.revision.empty() ? "unknown" : info.revision, ", ", info.compiler, ", ",
                      info.build_type, ")");
}

}  // namespace echogw::server
