#include "tests/unit/ctl/describe/tool_run.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace echogw::ctl {

ToolRun RunShell(const std::string& command) {
  ToolRun run;
  FILE* pipe = popen(absl::StrCat("{ ", command, "\n} 2>&1").c_str(), "re");
  EXPECT_NE(pipe, nullptr);
  if (pipe == nullptr) return run;
  std::array<char, 4096> buffer{};
  for (std::size_t count = 0; (count = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
    run.out.append(buffer.data(), count);
  }
  const int status = pclose(pipe);
  run.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return run;
}

bool HasTool(const std::string& name) {
  return RunShell(absl::StrCat("command -v ", name)).code == 0;
}

std::string ShellWord(const std::string& text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "'\\''"}}), "'");
}

TemporaryFile::TemporaryFile(const std::string& text)
    : path_(testing::TempDir() + "echogwctl-XXXXXX") {
  const int fd = mkstemp(path_.data());
  EXPECT_GE(fd, 0);
  if (fd >= 0) close(fd);
  std::ofstream(path_) << text;
}

TemporaryFile::~TemporaryFile() { unlink(path_.c_str()); }

}  // namespace echogw::ctl
