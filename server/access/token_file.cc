#include "server/access/token_file.h"

#include <sys/stat.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/base/small_file.h"

namespace echogw::server {

absl::StatusOr<TokenTable> LoadTokens(const std::string& path, const std::string& what,
                                      LogSink& log) {
  auto file = ReadSmallFile(path, path);
  if (!file.ok()) return file.status();
  auto table = TokenTable::Parse(file->text);
  if (!table.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": ", std::string(table.status().message())));
  }
  const std::size_t count = table->size();
  log.Write(count == 0 ? LogLevel::kWarning : LogLevel::kInfo,
            absl::StrCat(what, ": ", count == 0 ? "no" : absl::StrCat(count), " tokens in ", path));
  if (table->has_plain() && (file->mode & S_IROTH) != 0) {
    log.Write(LogLevel::kWarning,
              absl::StrCat(what, ": ", path,
                           ": the tokens are readable by all users; use chmod 600, or sha256: "
                           "entries"));
  }
  return table;
}

}  // namespace echogw::server
