#include "server/base/process_stats.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>

namespace echogw::server {
namespace {

std::uint64_t PageBytes() {
  const long bytes = ::sysconf(_SC_PAGESIZE);
  return bytes > 0 ? static_cast<std::uint64_t>(bytes) : 4096;
}

// Fields of /proc/self/stat by number (proc(5)).
struct StatFields {
  std::uint64_t threads = 0;        // 20
  std::uint64_t start_ticks = 0;    // 22, since boot
  std::uint64_t virtual_bytes = 0;  // 23
};

StatFields ReadStat() {
  std::ifstream in("/proc/self/stat");
  std::string line;
  std::getline(in, line);
  StatFields out;
  // Field 2 is the name in parentheses and may contain any character.
  const auto name_end = line.rfind(')');
  if (name_end == std::string::npos) return out;
  std::istringstream fields(line.substr(name_end + 1));
  std::string skipped;
  for (int field = 3; field < 20; ++field) fields >> skipped;
  fields >> out.threads >> skipped >> out.start_ticks >> out.virtual_bytes;
  return out;
}

double BootTimeSeconds() {
  std::ifstream in("/proc/stat");
  for (std::string word; in >> word;) {
    double seconds = 0;
    if (word == "btime" && in >> seconds) return seconds;
  }
  return 0;
}

// Computed once: the boot time moves when the clock is set, and a start time that moves looks like
// a restart.
double StartTimeSeconds(std::uint64_t start_ticks) {
  static const double start = BootTimeSeconds() + static_cast<double>(start_ticks) /
                                                      static_cast<double>(::sysconf(_SC_CLK_TCK));
  return start;
}

std::uint64_t CountOpenFds() {
  // Since Linux 6.2 the size of the directory is the count; before that it is 0.
  struct stat info {};
  if (::stat("/proc/self/fd", &info) == 0 && info.st_size > 0) {
    return static_cast<std::uint64_t>(info.st_size);
  }
  std::error_code error;
  std::uint64_t count = 0;
  for (std::filesystem::directory_iterator at("/proc/self/fd", error), end; !error && at != end;
       at.increment(error)) {
    ++count;
  }
  // The iterator itself uses one.
  return count == 0 ? 0 : count - 1;
}

}  // namespace

ProcessUsage ReadProcessUsage() {
  ProcessUsage out;
  timespec cpu{};
  if (::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu) == 0) {
    out.cpu_nanoseconds = static_cast<std::uint64_t>(cpu.tv_sec) * 1'000'000'000U +
                          static_cast<std::uint64_t>(cpu.tv_nsec);
  }
  std::ifstream in("/proc/self/statm");
  std::uint64_t virtual_pages = 0;
  std::uint64_t resident_pages = 0;
  if (in >> virtual_pages >> resident_pages) out.resident_bytes = resident_pages * PageBytes();
  return out;
}

ProcessStats ReadProcessStats() {
  ProcessStats out;
  out.usage = ReadProcessUsage();
  const StatFields fields = ReadStat();
  out.virtual_bytes = fields.virtual_bytes;
  out.threads = fields.threads;
  out.start_time_seconds = StartTimeSeconds(fields.start_ticks);
  out.open_fds = CountOpenFds();
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) out.max_fds = limit.rlim_cur;
  return out;
}

}  // namespace echogw::server
