// wait: until every condition holds, by WatchOperation for operations and then by WatchStats for
// the rest, with a deadline. Retries while there is no response.
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <utility>

#include "absl/strings/str_join.h"
#include "ctl/output/status_line.h"
#include "ctl/verbs/verb.h"
#include "ctl/verbs/wait_condition.h"
#include "ctl/views/operation_view.h"

namespace echogw::ctl {
namespace {

using Clock = std::chrono::steady_clock;

// Between two snapshots, and between two attempts.
constexpr Duration kInterval = std::chrono::milliseconds(100);

// One run of the verb. The signal thread calls Wake().
class Waiting {
 public:
  Waiting(CommandContext& context, const std::vector<WaitCondition>& conditions, Duration deadline)
      : context_(context),
        conditions_(conditions),
        begin_(Clock::now()),
        limit_(deadline),
        line_(context) {}

  ExitCode Run() {
    const auto guard = context_.interrupt.Arm([this] { Wake(); });
    for (const WaitCondition& condition : conditions_) {
      if (condition.operation() == 0) continue;
      if (const auto ended = AwaitOperation(condition.operation())) return *ended;
      operations_done_.push_back(condition.operation());
    }
    const bool only_operations = operations_done_.size() == conditions_.size();
    if (!only_operations) {
      if (const auto ended = AwaitSnapshot()) return *ended;
    }
    line_.Clear();
    Report(true);
    return ExitCode::kOk;
  }

 private:
  // Nothing if it succeeded, else the exit code.
  std::optional<ExitCode> AwaitOperation(std::uint64_t id) {
    admin::v1::WatchOperationRequest request;
    request.set_id(id);
    admin::v1::Operation last;
    const auto ended = Follow<admin::v1::WatchOperationResponse>(
        [&](grpc::ClientContext& call) {
          return context_.client.admin().WatchOperation(&call, request);
        },
        [&](const admin::v1::WatchOperationResponse& response, Watchdog& watchdog) {
          // The next change may be far away.
          watchdog.Stop();
          last = response.operation();
          if (IsDone(last)) return true;
          operation_seen_ = OperationProgress(last);
          line_.Show(absl::StrCat("waiting for operation ", id, ": ", operation_seen_),
                     absl::StrCat("operation ", id));
          return false;
        });
    if (ended || last.result() == admin::v1::OPERATION_RESULT_SUCCEEDED) return ended;
    line_.Clear();
    return Fail(context_, OperationExitCode(last),
                absl::StrCat("operation ", id, " did not succeed: ", EnumText(last.result()),
                             last.message().empty() ? "" : ", ", last.message()));
  }

  std::optional<ExitCode> AwaitSnapshot() {
    admin::v1::WatchStatsRequest request;
    ToProto(kInterval, request.mutable_interval());
    return Follow<admin::v1::WatchStatsResponse>(
        [&](grpc::ClientContext& call) {
          return context_.client.admin().WatchStats(&call, request);
        },
        [&](const admin::v1::WatchStatsResponse& response, Watchdog& watchdog) {
          watchdog.Feed();
          stats_ = response.stats();
          const std::vector<std::string> unmet = Unmet(false);
          if (unmet.empty()) return true;
          line_.Show("waiting for " + absl::StrJoin(Unmet(true), ", "), absl::StrJoin(unmet, " "));
          return false;
        });
  }

  // Reads a stream, and a new one after a failure, until `done` holds for a message. Returns
  // nothing then, or the exit code if the wait ends otherwise.
  template <typename Response, typename Open, typename Done>
  std::optional<ExitCode> Follow(Open open, Done done) {
    for (;;) {
      grpc::ClientContext call;
      const Duration left = limit_ - (Clock::now() - begin_);
      call.set_deadline(std::chrono::system_clock::now() +
                        std::chrono::duration_cast<std::chrono::microseconds>(left));
      // The first call tells why it fails; gRPC reconnects only while a later one waits.
      call.set_wait_for_ready(lost_.has_value());
      SetCurrent(&call);
      bool is_done = false;
      grpc::Status status;
      {
        Watchdog watchdog(context_.client.timeout(), [&call] { call.TryCancel(); });
        const auto reader = open(call);
        Response response;
        while (!is_done && reader->Read(&response)) {
          reached_ = true;
          lost_.reset();
          is_done = done(response, watchdog);
        }
        watchdog.Stop();
        // Not earlier: a cancelled call hides how the gateway ended it.
        if (is_done) call.TryCancel();
        status = reader->Finish();
      }
      SetCurrent(nullptr);
      if (is_done) return std::nullopt;
      if (const auto ended = AfterBreak(status)) return ended;
    }
  }

  // After a failed stream: the exit code, or nothing to try again.
  std::optional<ExitCode> AfterBreak(const grpc::Status& status) {
    if (context_.interrupt.requested()) {
      line_.Clear();
      return Fail(context_, ExitCode::kPartial, "stopped waiting");
    }
    switch (status.error_code()) {
      case grpc::StatusCode::DEADLINE_EXCEEDED:
      case grpc::StatusCode::CANCELLED:  // by the watchdog, or by a gateway that stops
      case grpc::StatusCode::OK:
        // Both sides end the call at the deadline, and their clocks differ by a little.
        if (!lost_ && begin_ + limit_ - Clock::now() > kInterval) {
          lost_ = {grpc::StatusCode::DEADLINE_EXCEEDED, ""};
        }
        break;
      case grpc::StatusCode::UNAVAILABLE:
        lost_ = status;
        // The name may have another address by now.
        context_.client.Disconnect();
        break;
      default:
        line_.Clear();
        return FailRpc(context_, status);
    }
    if (lost_) {
      line_.Show(absl::StrCat("waiting for ", context_.client.target(), " to respond"), "answer");
    }
    if (Pause()) return std::nullopt;
    if (context_.interrupt.requested()) return AfterBreak(status);
    line_.Clear();
    return Expired();
  }

  // False when the deadline has passed or the user wants to stop.
  bool Pause() {
    std::unique_lock lock(mutex_);
    const auto until = std::min(Clock::now() + kInterval, begin_ + limit_);
    changed_.wait_until(lock, until, [this] { return context_.interrupt.requested(); });
    return !context_.interrupt.requested() && Clock::now() < begin_ + limit_;
  }

  ExitCode Expired() const {
    const std::string within = absl::StrCat("within ", FormatDuration(limit_));
    const std::string& target = context_.client.target();
    if (!reached_) {
      const bool refused = lost_ && lost_->error_code() == grpc::StatusCode::UNAVAILABLE;
      return Fail(context_, ExitCode::kUnreachable,
                  refused ? absl::StrCat(DescribeRpcError(*lost_, context_.client).message, " ",
                                         "(tried for ", FormatDuration(limit_), ")")
                          : absl::StrCat("no response from ", target, " ", within,
                                         "; check whether the gateway hangs"));
    }
    if (context_.format != OutputFormat::kTable) Report(false);
    return Fail(context_, ExitCode::kPartial,
                absl::StrCat("not met ", within, ": ", absl::StrJoin(Unmet(true), ", "),
                             lost_ ? absl::StrCat("; ", target, " went away") : ""));
  }

  // Conditions that do not hold, with what was seen last if `with_value`.
  [[nodiscard]] std::vector<std::string> Unmet(bool with_value) const {
    std::vector<std::string> unmet;
    for (const WaitCondition& condition : conditions_) {
      if (Met(condition)) continue;
      const std::string value = Value(condition);
      unmet.push_back(with_value && !value.empty()
                          ? absl::StrCat(condition.text(), " (", value, ")")
                          : condition.text());
    }
    return unmet;
  }

  [[nodiscard]] bool Met(const WaitCondition& condition) const {
    if (condition.operation() == 0) return stats_ && condition.Holds(*stats_);
    return std::find(operations_done_.begin(), operations_done_.end(), condition.operation()) !=
           operations_done_.end();
  }

  [[nodiscard]] std::string Value(const WaitCondition& condition) const {
    if (condition.operation() == 0) return stats_ ? condition.Observed(*stats_) : "";
    return Met(condition) ? "succeeded" : operation_seen_;
  }

  void Report(bool met) const {
    const auto took = std::chrono::duration_cast<Duration>(Clock::now() - begin_);
    const auto document = [&] {
      Document list = Document::Array();
      for (const WaitCondition& condition : conditions_) {
        const std::string value = Value(condition);
        list.Append(Document::Object({{"condition", condition.text()},
                                      {"met", Met(condition)},
                                      {"value", value.empty() ? Document() : Document(value)}}));
      }
      return Document::Object(
          {{"met", met}, {"elapsed", ToDocument(took)}, {"conditions", std::move(list)}});
    };
    Emit(context_, document, [&] {
      const auto text = [](std::string* out, const WaitCondition& it) { *out += it.text(); };
      context_.out << absl::StrJoin(conditions_, ", ", text) << " after " << HumanDuration(took)
                   << '\n';
    });
  }

  void SetCurrent(grpc::ClientContext* call) {
    const std::lock_guard lock(mutex_);
    current_ = call;
    if (call != nullptr && context_.interrupt.requested()) call->TryCancel();
  }

  void Wake() {
    const std::lock_guard lock(mutex_);
    if (current_ != nullptr) current_->TryCancel();
    changed_.notify_all();
  }

  CommandContext& context_;
  const std::vector<WaitCondition>& conditions_;
  const Clock::time_point begin_;
  const Duration limit_;
  StatusLine line_;
  std::mutex mutex_;
  std::condition_variable changed_;
  // Under mutex_. The call that a signal has to cancel; null between two calls.
  grpc::ClientContext* current_ = nullptr;
  // Whether the gateway ever responded, and why it does not now.
  bool reached_ = false;
  std::optional<grpc::Status> lost_;
  std::optional<admin::v1::GetStatsResponse> stats_;
  std::string operation_seen_;
  std::vector<std::uint64_t> operations_done_;
};

class WaitCommand : public Command {
 public:
  CommandHelp Help() const override {
    return {"wait",
            "Wait until conditions hold, with a deadline",
            "  echogwctl wait serving --deadline 10s        # after a start\n"
            "  echogwctl drain && echogwctl wait drained --deadline 1m\n"
            "  echogwctl wait reactors=4 'connections<100'\n"
            "  echogwctl wait operation=7 connections=0",
            "Conditions: serving and drained are states of the gateway; connections=N counts live "
            "connections, reactors=N serving reactors, both also with <, <=, > and >= in place of "
            "= (quoted, because < and > are special to the shell); operation=ID holds once "
            "that operation has succeeded. All conditions must hold at the same moment; they are "
            "checked ten times a second.\n\n"
            "While there is no response the command retries until the deadline, so the gateway may "
            "be started or restarted meanwhile.",
            {{0, "every condition holds"},
             {1, "the gateway refused, or an operation waited for failed"},
             {3, "the deadline passed without any response"},
             {4,
              "the deadline passed first, Ctrl-C was pressed, or an operation waited for timed out "
              "or was cancelled"}}};
  }

  void AddOptions(OptionSet& options) override {
    options
        .Custom(
            "CONDITION", "serving|drained|connections=N|reactors=N|operation=ID",
            [this](const std::string& text) {
              auto condition = WaitCondition::Parse(text);
              if (condition.ok()) conditions_.push_back(*std::move(condition));
              return condition.status();
            },
            "serving, drained, connections=N, reactors=N, operation=ID")
        .Required()
        .Repeatable();
    options.Time("--deadline", &deadline_, "Give up after this long (30s)", kLeastTime);
  }

  ExitCode Run(CommandContext& context) override {
    return Waiting(context, conditions_, deadline_).Run();
  }

 private:
  std::vector<WaitCondition> conditions_;
  Duration deadline_ = std::chrono::seconds(30);
};

}  // namespace

std::unique_ptr<Command> MakeWaitCommand() { return std::make_unique<WaitCommand>(); }

}  // namespace echogw::ctl
