// The version of echogwctl, set by the build.
#pragma once

namespace echogw::ctl {

inline constexpr char kCtlVersion[] = ECHOGW_VERSION;

}  // namespace echogw::ctl
