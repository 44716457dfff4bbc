// What this binary was built from. Any thread.
#pragma once

#include <string>

namespace echogw::server {

struct BuildInfo {
  std::string version;
  std::string revision;  // ECHOGW_REVISION of the build, else that of git; empty if unknown
  std::string compiler;
  std::string build_type;
};

[[nodiscard]] const BuildInfo& GetBuildInfo();

// "echogw 0.1.0 (revision 0123abcd, GNU 12.2.0, Release)"
[[nodiscard]] std::string VersionLine();

}  // namespace echogw::server
