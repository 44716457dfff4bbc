#include "ctl/top/once.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "ctl/cli/interrupt.h"
#include "ctl/cli/watchdog.h"
#include "ctl/gateway/client.h"
#include "ctl/gateway/rpc_error.h"
#include "ctl/output/proto_document.h"
#include "ctl/top/draw.h"
#include "ctl/top/terminal.h"
#include "ctl/top/ui.h"

namespace echogw::ctl::top {
namespace {

// Snapshots that a frame with rates needs.
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
  grpc::ClientContext call;
  const auto guard = context.interrupt.Arm([&call] { call.TryCancel(); });
  Watchdog watchdog(interval + context.client.timeout(), [&call] { call.TryCancel(); });
  admin::v1::WatchStatsRequest request;
  ToProto(interval, request.mutable_interval());
  const auto reader = context.client.admin().WatchStats(&call, request);
  TopUi ui(context.client.target(), interval);
  admin::v1::WatchStatsResponse response;
  int came = 0;
  while (came < kNeeded && reader->Read(&response)) {
    watchdog.Feed();
    ui.Receive(response.stats(), TopClock::now());
    ++came;
  }
  watchdog.Stop();
  if (came == kNeeded) call.TryCancel();
  const grpc::Status status = reader->Finish();
  if (came < kNeeded) {
    if (context.interrupt.requested()) {
      return Fail(context, ExitCode::kPartial, "stopped before the interval was over");
    }
    if (watchdog.has_bitten()) return FailRpc(context, {grpc::StatusCode::DEADLINE_EXCEEDED, ""});
    if (!status.ok()) return FailRpc(context, status);
    return Fail(
        context, ExitCode::kUnreachable,
        absl::StrCat(context.client.target(), " ended the stream; the gateway is stopping"));
  }
  grpc::ClientContext info_call;
  context.client.SetDeadline(info_call);
  admin::v1::GetInfoResponse info;
  // Only the version comes from it.
  if (context.client.admin().GetInfo(&info_call, {}, &info).ok()) ui.Receive(info, TopClock::now());
  TopState state = ui.state();
  context.out << DrawPlain(state, FrameWidth(context)).Text(AdoptLocale()) << std::flush;
  return ExitCode::kOk;
}

}  // namespace echogw::ctl::top
