// Goal: the status page and its data are true and current, take no text for markup whoever wrote
// it, and are read only. Method: a real exporter on loopback over a FakeControl.
#include "server/exporter/status_page.h"

#include <google/protobuf/util/json_util.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "echogw/status/v1/status.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/exporter/metrics_collector.h"
#include "server/exporter/metrics_server.h"
#include "tests/unit/server/admin/fake_control.h"
#include "tests/unit/server/exporter/http_client.h"
#include "tests/unit/server/fake_log_control.h"

namespace echogw::server {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr const char* kPaths[] = {"/",           "/status.json", "/status.css", "/status.js",
                                  "/status.svg", "/metrics",     "/-/healthy",  "/-/ready"};

struct NoCalls final : AdminCallCounts {
  [[nodiscard]] std::vector<AdminCallCount> counts() const override { return {}; }
  [[nodiscard]] RefusalCounts refused() const override { return {}; }
};

class StatusPageTest : public testing::Test {
 protected:
  StatusPageTest() {
    control_.set_stats(SampleStats());
    StartServer({.build = {.version = "1.2.3", .revision = "abc"}});
  }

  void StartServer(StatusPageOptions options, milliseconds fresh_for = milliseconds(0)) {
    server_.reset();
    auto server = MetricsServer::Start(
        {.http = {.address = {.host = "127.0.0.1"}}, .fresh_for = fresh_for},
        std::make_unique<MetricsCollector>(control_, log_, calls_, BuildInfo()), state_,
        std::make_unique<StatusPage>(control_, events_, log_, std::move(options)));
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    server_->Open();
  }

  std::string Get(const std::string& path, const std::string& headers = "") {
    return Http(server_->address(), "GET", path, headers);
  }

  // The live data as a reader understands it.
  status::v1::Status Read() {
    status::v1::Status read;
    const std::string json = Body(Get("/status.json"));
    const auto parsed = google::protobuf::util::JsonStringToMessage(json, &read);
    EXPECT_TRUE(parsed.ok()) << parsed.ToString() << "\n" << json;
    return read;
  }

  FakeControl control_;
  EventLog events_;
  FakeLogControl log_;
  const NoCalls calls_;
  std::atomic<GatewayState> state_{GatewayState::kServing};
  std::unique_ptr<MetricsServer> server_;
};

TEST_F(StatusPageTest, ThePageComesWithItsPolicy) {
  const std::string page = Get("/");
  EXPECT_THAT(page, StartsWith("HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n"));
  EXPECT_THAT(page, HasSubstr("\r\nContent-Security-Policy: default-src 'none'; script-src 'self'; "
                              "style-src 'self'; "));
  EXPECT_THAT(page, Not(HasSubstr("unsafe")));
  EXPECT_THAT(page, HasSubstr("\r\nReferrer-Policy: no-referrer\r\n"));
}

TEST_F(StatusPageTest, EveryPathSaysWhatItIs) {
  const auto type = [this](const char* path, const char* expected) {
    EXPECT_THAT(Get(path), AllOf(StartsWith("HTTP/1.1 200 OK\r\n"),
                                 HasSubstr(std::string("\r\nContent-Type: ") + expected + "\r\n"),
                                 HasSubstr("\r\nContent-Length: "),
                                 HasSubstr("\r\nCache-Control: no-store\r\n"),
                                 HasSubstr("\r\nX-Content-Type-Options: nosniff\r\n")))
        << path;
  };
  type("/", "text/html; charset=utf-8");
  type("/status.json", "application/json");
  type("/status.css", "text/css; charset=utf-8");
  type("/status.js", "text/javascript; charset=utf-8");
  type("/status.svg", "image/svg+xml");
  type("/metrics", "text/plain; version=0.0.4; charset=utf-8");
  type("/-/healthy", "text/plain; charset=utf-8");
  type("/-/ready", "text/plain; charset=utf-8");
}

TEST_F(StatusPageTest, WorksBeforeAnyScriptRan) {
  const std::string page = Body(Get("/"));
  EXPECT_THAT(page, HasSubstr("data-state=\"serving\">serving</p>"));
  EXPECT_THAT(page, HasSubstr("<b id=\"version\">1.2.3</b>"));
  EXPECT_THAT(page, HasSubstr("<b id=\"revision\">abc</b>"));
  const std::uint64_t active = SampleStats().total.connections_active;
  EXPECT_THAT(page, HasSubstr("<dd id=\"connections\">" + std::to_string(active) + "</dd>"));
  EXPECT_THAT(page, HasSubstr("1 running"));
  EXPECT_THAT(page, HasSubstr("<noscript>"));
  EXPECT_THAT(page, Not(HasSubstr("{{"))) << "a place that nothing was put in";
  for (const char* link : {"status.json", "metrics", "-/healthy", "-/ready"}) {
    EXPECT_THAT(page, HasSubstr(std::string("href=\"") + link + "\"")) << link;
  }
}

TEST_F(StatusPageTest, HoldsNothingInlineAndNothingFromElsewhere) {
  for (const char* path : {"/", "/status.css", "/status.js"}) {
    const std::string body = Body(Get(path));
    for (const char* bad :
         {"http://", "https://", "<style", "style=\"", "onclick", "onload", "innerHTML",
          "outerHTML", "insertAdjacent", "document.write", "eval("}) {
      EXPECT_THAT(body, Not(HasSubstr(bad))) << path;
    }
  }
}

TEST_F(StatusPageTest, TheDataIsThatOfTheSnapshot) {
  events_.Add({.kind = "resize", .actor = "signal", .message = "done", .operation = 7});
  const status::v1::Status read = Read();
  EXPECT_EQ(read.version(), "1.2.3");
  EXPECT_EQ(read.revision(), "abc");
  EXPECT_GT(read.start_time().seconds(), 0);
  EXPECT_GT(read.stats().time().seconds(), 0);
  EXPECT_EQ(read.stats().state(), admin::v1::GATEWAY_STATE_SERVING);
  EXPECT_EQ(read.stats().total().reads(), SampleStats().total.reads);
  ASSERT_EQ(read.stats().reactors_size(), 2);
  EXPECT_EQ(read.stats().reactors(0).cpu(), 3);
  EXPECT_EQ(read.stats().reactors(1).state(), admin::v1::REACTOR_STATE_PARKED);
  EXPECT_EQ(read.stats().reactors(1).listeners(0).accept_queue(), 41U);
  EXPECT_GT(read.stats().process_resident_bytes(), 0U);
  ASSERT_EQ(read.events_size(), 1);
  EXPECT_EQ(read.events(0).kind(), "resize");
  EXPECT_EQ(read.events(0).operation(), 7U);
}

TEST_F(StatusPageTest, LargeNumbersLoseNothing) {
  GatewayStats stats = SampleStats();
  stats.total.received_bytes = std::numeric_limits<std::uint64_t>::max();
  control_.set_stats(stats);
  EXPECT_THAT(Get("/status.json"), HasSubstr("\"received_bytes\":\"18446744073709551615\""));
}

TEST_F(StatusPageTest, ZeroIsWrittenOutAndNamesAreThoseOfTheApi) {
  control_.set_stats({});
  EXPECT_THAT(Get("/status.json"),
              AllOf(HasSubstr("\"connections_active\":\"0\""), HasSubstr("\"reactors\":[]"),
                    HasSubstr("\"state\":\"GATEWAY_STATE_STARTING\"")));
}

TEST_F(StatusPageTest, OnlyTheNewestEventsAreGiven) {
  for (int i = 0; i < 500; ++i) events_.Add({.kind = "k", .message = std::to_string(i)});
  const status::v1::Status read = Read();
  ASSERT_EQ(read.events_size(), 20);
  EXPECT_EQ(read.events(0).message(), "480");
  EXPECT_EQ(read.events(19).message(), "499");
}

TEST_F(StatusPageTest, HostileTextsStayTexts) {
  const std::string hostile =
      "</script><script>alert(1)</script> \"quoted\" 'single' \\ & \n\t\x01 \u2028 \u00e9 "
      "{{state}}";
  // The event log escapes what could break a line.
  const std::string escaped =
      "</script><script>alert(1)</script> \"quoted\" 'single' \\ & \\n\\t\\x01 "
      "\\xe2\\x80\\xa8 \u00e9 {{state}}";
  events_.Add({.kind = hostile, .actor = hostile, .message = hostile});
  StartServer({.build = {.version = hostile, .revision = "\"><b>"}});
  const status::v1::Status read = Read();
  ASSERT_EQ(read.events_size(), 1);
  EXPECT_EQ(read.events(0).kind(), hostile);
  EXPECT_EQ(read.events(0).actor(), escaped);
  EXPECT_EQ(read.events(0).message(), escaped);
  EXPECT_THAT(Get("/status.json"), Not(HasSubstr("<script>")));
  const std::string page = Body(Get("/"));
  EXPECT_THAT(page, Not(HasSubstr("<script>alert")));
  EXPECT_THAT(page, HasSubstr("&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt; "
                              "&quot;quoted&quot; &#39;single&#39; \\ &amp; "));
  EXPECT_THAT(page, HasSubstr("<b id=\"revision\">&quot;&gt;&lt;b&gt;</b>"));
}

TEST_F(StatusPageTest, WhatIsNoUtf8CostsNoAnswer) {
  events_.Add({.kind = "close", .message = "before \xff\xfe\xc3( after"});
  events_.Add({.kind = "close", .message = "the next"});
  const status::v1::Status read = Read();
  ASSERT_EQ(read.events_size(), 2);
  EXPECT_THAT(read.events(0).message(), AllOf(StartsWith("before "), EndsWith(" after")));
  EXPECT_EQ(read.events(1).message(), "the next");
}

TEST_F(StatusPageTest, ASnapshotServesAllWhoAskSoonAfter) {
  StartServer({}, hours(1));
  const int before = control_.stats_calls();
  for (int i = 0; i < 10; ++i) {
    EXPECT_THAT(Get("/status.json"), StartsWith("HTTP/1.1 200 "));
    EXPECT_THAT(Get("/metrics"), StartsWith("HTTP/1.1 200 "));
    EXPECT_THAT(Get("/metrics", "Accept-Encoding: gzip\r\n"), HasSubstr("Encoding: gzip"));
  }
  EXPECT_EQ(control_.stats_calls(), before + 2);
}

TEST_F(StatusPageTest, AnExceptionCostsTheAnswerOnly) {
  log_.dropped = 3;
  log_.broken = true;
  EXPECT_THAT(Get("/status.json"), StartsWith("HTTP/1.1 500 Internal Server Error\r\n"));
  EXPECT_THAT(Get("/-/healthy"), StartsWith("HTTP/1.1 200 "));
  log_.broken = false;
  EXPECT_EQ(Read().stats().log_lines_dropped(), 3U);
}

TEST_F(StatusPageTest, NewNumbersComeWithoutARestart) {
  GatewayStats stats = SampleStats();
  stats.total.connections_active = 7'000'000'000;
  stats.state = GatewayState::kQuiet;
  control_.set_stats(stats);
  const status::v1::Status read = Read();
  EXPECT_EQ(read.stats().total().connections_active(), 7'000'000'000U);
  EXPECT_EQ(read.stats().state(), admin::v1::GATEWAY_STATE_QUIET);
  EXPECT_THAT(Get("/"), HasSubstr("data-state=\"quiet\">quiet</p>"));
}

TEST_F(StatusPageTest, LargeAnswersAreCompressedOnRequest) {
  EXPECT_THAT(Get("/status.json", "Accept-Encoding: gzip\r\n"),
              HasSubstr("\r\nContent-Encoding: gzip\r\n"));
  EXPECT_THAT(Get("/-/ready", "Accept-Encoding: gzip\r\n"), Not(HasSubstr("Content-Encoding")));
}

TEST_F(StatusPageTest, HeadIsGetWithoutTheBody) {
  for (const char* path : kPaths) {
    const std::string head = Http(server_->address(), "HEAD", path);
    EXPECT_THAT(head, StartsWith("HTTP/1.1 200 OK\r\n")) << path;
    EXPECT_EQ(Body(head), "") << path;
  }
  const auto headers = [](const std::string& reply) { return reply.substr(0, reply.find("Date")); };
  EXPECT_EQ(headers(Http(server_->address(), "HEAD", "/")), headers(Get("/")));
}

TEST_F(StatusPageTest, NothingElseThanGetAndHead) {
  for (const char* path : kPaths) {
    for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND"}) {
      EXPECT_THAT(Http(server_->address(), method, path, "Content-Length: 0\r\n"),
                  AllOf(StartsWith("HTTP/1.1 405 Method Not Allowed\r\n"),
                        HasSubstr("\r\nAllow: GET, HEAD\r\n")))
          << method << " " << path;
    }
  }
  EXPECT_THAT(Http(server_->address(), "BREW", "/"), StartsWith("HTTP/1.1 405 "));
}

TEST_F(StatusPageTest, UnknownPathsAreNotFoundInPlainWords) {
  for (const char* path : {"/nothing", "/status", "/status.json/", "/index.html", "/favicon.ico",
                           "/%3Cscript%3E", "/..%2f..%2fetc/passwd"}) {
    const std::string reply = Get(path);
    EXPECT_THAT(reply, StartsWith("HTTP/1.1 404 Not Found\r\n")) << path;
    EXPECT_THAT(reply, HasSubstr("\r\nContent-Type: text/plain; charset=utf-8\r\n")) << path;
    EXPECT_THAT(Body(reply), AllOf(HasSubstr("/status.json"), Not(HasSubstr("script")))) << path;
  }
}

TEST_F(StatusPageTest, AQueryIsNoOtherPath) {
  EXPECT_THAT(Get("/?x=1"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(Get("/status.json?t=%00"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(StatusPageTest, ReadyOnlyWhileServingHealthyAlways) {
  const std::pair<GatewayState, const char*> states[] = {
      {GatewayState::kStarting, "starting"},   {GatewayState::kServing, "serving"},
      {GatewayState::kUnhealthy, "unhealthy"}, {GatewayState::kQuiet, "quiet"},
      {GatewayState::kRefusing, "refusing"},   {GatewayState::kClosing, "closing"},
      {GatewayState::kDrained, "drained"},     {GatewayState::kStopped, "stopped"}};
  for (const auto& [state, name] : states) {
    state_.store(state);
    const std::string ready = Get("/-/ready");
    EXPECT_THAT(ready, StartsWith(state == GatewayState::kServing
                                      ? "HTTP/1.1 200 OK\r\n"
                                      : "HTTP/1.1 503 Service Unavailable\r\n"));
    EXPECT_EQ(Body(ready), std::string(name) + "\n");
    EXPECT_EQ(Body(Get("/-/healthy")), "healthy\n");
  }
}

}  // namespace
}  // namespace echogw::server
