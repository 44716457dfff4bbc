#include "server/base/small_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "reactor/base/unique_fd.h"

namespace echogw::server {
namespace {

// A bundle of all public CAs has about 200 KiB; more is a mistake such as /dev/zero.
constexpr std::size_t kFileMax = std::size_t{1024} * 1024;

}  // namespace

absl::StatusOr<SmallFile> ReadSmallFile(const std::string& path, const std::string& name,
                                        bool wait) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | (wait ? 0 : O_NONBLOCK)));
  if (!fd.valid()) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", name));
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot read ", name));
  }
  if (!wait && !S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(
        name, " is not a regular file; it is read again when it changes, which a pipe cannot be"));
  }
  SmallFile file;
  file.mode = info.st_mode;
  std::array<char, 8192> buffer{};
  for (;;) {
    const ssize_t n = ::read(fd.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot read ", name));
    if (n == 0) return file;
    file.text.append(buffer.data(), static_cast<std::size_t>(n));
    if (file.text.size() > kFileMax) {
      return absl::InvalidArgumentError(absl::StrCat(name, " has more than 1 MiB"));
    }
  }
}

}  // namespace echogw::server
