// Runs the shells and the readers that what echogwctl generates is made for.
#pragma once

#include <string>

namespace echogw::ctl {

struct ToolRun {
  int code = -1;
  // Both of its streams.
  std::string out;
};

// By /bin/sh.
ToolRun RunShell(const std::string& command);

// Whether a program of this name is installed.
bool HasTool(const std::string& name);

// `text` as one word of a shell.
std::string ShellWord(const std::string& text);

// A file that lives as long as this does.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& text);
  ~TemporaryFile();
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace echogw::ctl
