#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "ctl/gateway/call.h"
#include "ctl/output/proto_document.h"
#include "ctl/top/draw.h"
#include "ctl/top/modes.h"
#include "ctl/top/terminal.h"
#include "ctl/top/ui.h"

namespace echogw::ctl::top {
namespace {

// A frame with rates needs two snapshots.
constexpr int kNeeded = 2;

int FrameWidth(const CommandContext& context) {
  winsize size{};
  if (!context.out_is_terminal || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) {
    return kLeastWidth;
  }
  return std::max<int>(size.ws_col, kLeastWidth);
}

}  // namespace

ExitCode RunTopOnce(CommandContext& context, Duration interval) {
  admin::v1::WatchStatsRequest request;
  ToProto(interval, request.mutable_interval());
  TopUi ui(context.client.target(), interval);
  {
    Stream<&Admin::WatchStats> stream(context, request, interval + context.client.timeout());
    admin::v1::WatchStatsResponse response;
    int snapshots = 0;
    for (; snapshots < kNeeded && stream.Read(response); ++snapshots) {
      ui.Receive(response.stats(), TopClock::now());
    }
    if (snapshots == kNeeded) stream.Cancel();
    const grpc::Status status = stream.Finish();
    if (snapshots < kNeeded) {
      if (context.interrupt.requested()) {
        return Fail(context, ExitCode::kPartial, "interrupted before the end of the interval");
      }
      if (!status.ok()) return FailRpc(context, status);
      return Fail(
          context, ExitCode::kUnreachable,
          absl::StrCat(context.client.target(), " ended the stream; the gateway is stopping"));
    }
  }
  // Only the version comes from it.
  const auto info = Call<&Admin::GetInfo>(context);
  if (info.status.ok()) ui.Receive(info.message, TopClock::now());
  TopState state = ui.state();
  context.out << DrawPlain(state, FrameWidth(context)).Text(AdoptLocale()) << std::flush;
  return ExitCode::kOk;
}

}  // namespace echogw::ctl::top
