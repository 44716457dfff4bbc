#include "ctl/views/operation_view.h"

#include <cstdint>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "ctl/output/emit.h"
#include "ctl/output/proto_document.h"
#include "ctl/output/table.h"
#include "ctl/output/units.h"
#include "ctl/views/enum_text.h"

namespace echogw::ctl {
namespace {

using admin::v1::Operation;

std::string Phases(const Operation& operation) {
  std::vector<std::string> shown;
  for (const auto& phase : operation.phases()) {
    shown.push_back(absl::StrCat(phase.name(), " ", HumanDuration(FromProto(phase.elapsed()))));
  }
  return absl::StrJoin(shown, ", ");
}

// What the kernel counted while the operation ran; empty when it counted nothing to compare.
std::string Kernel(const Operation& operation) {
  if (!operation.has_kernel_before() || !operation.has_kernel_after()) return "";
  const auto& a = operation.kernel_before();
  const auto& b = operation.kernel_after();
  const auto grown = [](std::uint64_t before, std::uint64_t after) {
    return HumanCount(after > before ? after - before : 0);
  };
  return absl::StrCat("listen overflows +", grown(a.listen_overflows(), b.listen_overflows()),
                      ", listen drops +", grown(a.listen_drops(), b.listen_drops()),
                      ", aborts on close +", grown(a.tcp_abort_on_close(), b.tcp_abort_on_close()),
                      ", failed request migrations +",
                      grown(a.tcp_migrate_req_failure(), b.tcp_migrate_req_failure()));
}

std::string Imbalance(const Operation& operation) {
  if (operation.imbalance_before() == 0 && operation.imbalance_after() == 0) return "";
  return absl::StrFormat("%.2f -> %.2f (largest load over the mean)", operation.imbalance_before(),
                         operation.imbalance_after());
}

template <typename Strings>
std::string Values(const Strings& values) {
  return values.empty() ? "none" : absl::StrJoin(values, ", ");
}

}  // namespace

std::string OperationTitle(const Operation& operation) {
  switch (operation.kind()) {
    case admin::v1::OPERATION_KIND_RESIZE:
      return absl::StrCat("resize ", operation.reactors_before(), " -> ",
                          operation.reactors_target());
    case admin::v1::OPERATION_KIND_MOVE:
      return operation.has_reactor() ? absl::StrCat("move from reactor ", operation.reactor())
                                     : "move";
    case admin::v1::OPERATION_KIND_REBALANCE:
      return "rebalance";
    case admin::v1::OPERATION_KIND_DRAIN_REACTOR:
      return absl::StrCat("drain of reactor ", operation.reactor());
    case admin::v1::OPERATION_KIND_DRAIN_GATEWAY:
      return "drain of the gateway";
    case admin::v1::OPERATION_KIND_UPGRADE:
      return "upgrade";
    default:
      return "operation of a kind unknown to this echogwctl";
  }
}

std::string OperationProgress(const Operation& operation) {
  std::vector<std::string> parts;
  if (!operation.phase().empty()) parts.push_back(operation.phase());
  if (operation.connections_moved() > 0) {
    parts.push_back(HumanCount(operation.connections_moved()) + " moved");
  }
  const std::uint64_t closed = operation.connections_closed() + operation.connections_reset();
  if (closed > 0) parts.push_back(HumanCount(closed) + " closed");
  parts.push_back(HumanCount(operation.connections_left()) + " left");
  parts.push_back(HumanDuration(FromProto(operation.elapsed())));
  return absl::StrJoin(parts, ", ");
}

void PrintOperation(std::ostream& out, const Operation& operation, bool colour) {
  const bool dry = operation.dry_run();
  PrintFacts(
      out,
      {{"Operation", absl::StrCat(operation.id(), ": ", OperationTitle(operation),
                                  dry ? " (dry run, nothing was changed)" : "")},
       {"Result",
        absl::StrCat(EnumText(operation.result()), IsDone(operation) ? " after " : " for ",
                     HumanDuration(FromProto(operation.elapsed())))},
       {"Message", operation.message()},
       {"Phase", IsDone(operation) ? "" : operation.phase()},
       {"Phases", dry ? "" : Phases(operation)},
       {"Connections", dry ? ""
                           : absl::StrCat(HumanCount(operation.connections_moved()), " moved, ",
                                          HumanCount(operation.connections_closed()), " closed, ",
                                          HumanCount(operation.connections_reset()), " reset, ",
                                          HumanCount(operation.connections_left()), " left")},
       {"Accepted", operation.accepted_from_parked() == 0
                        ? ""
                        : HumanCount(operation.accepted_from_parked()) + " from parked listeners"},
       {"Pause", operation.has_pause()
                     ? HumanDuration(FromProto(operation.pause())) + " without accept or echo"
                     : ""},
       {"Imbalance", Imbalance(operation)},
       {"Kernel", dry ? "" : Kernel(operation)}});
  if (!operation.changes().empty()) {
    out << '\n';
    Table table("SETTING|NOW|THEN");
    for (const auto& change : operation.changes()) {
      table.AddRow({change.key(), Values(change.before()), Values(change.after())});
    }
    table.Print(out, colour);
  }
  if (operation.moves().empty()) return;
  out << '\n';
  Table table(">FROM|>TO|>CONNECTIONS");
  for (const auto& move : operation.moves()) {
    table.AddRow({absl::StrCat(move.from_reactor()), absl::StrCat(move.to_reactor()),
                  HumanCount(move.connections())});
  }
  table.Print(out, colour);
}

ExitCode OperationExitCode(const Operation& operation) {
  switch (operation.result()) {
    case admin::v1::OPERATION_RESULT_TIMED_OUT:
    case admin::v1::OPERATION_RESULT_CANCELLED:
      return ExitCode::kPartial;
    case admin::v1::OPERATION_RESULT_FAILED:
      return ExitCode::kRefused;
    default:
      return ExitCode::kOk;
  }
}

bool IsDone(const Operation& operation) {
  return operation.result() != admin::v1::OPERATION_RESULT_RUNNING &&
         operation.result() != admin::v1::OPERATION_RESULT_UNSPECIFIED;
}

}  // namespace echogw::ctl
