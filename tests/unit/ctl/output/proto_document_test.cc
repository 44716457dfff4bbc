// Goal: a message becomes a document of the same shape every time, with whole numbers whole.
#include "ctl/output/proto_document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "echogw/admin/v1/admin.pb.h"

namespace echogw::ctl {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string Json(const google::protobuf::Message& message) {
  std::ostringstream out;
  ToDocument(message).WriteJson(out, false);
  return out.str();
}

TEST(ProtoDocument, EveryFieldIsPresentInTheOrderOfItsNumber) {
  EXPECT_EQ(Json(admin::v1::RejectedConnections()),
            R"({"fd_limit_select": 0, "table_full": 0, "poller_error": 0, "draining": 0, )"
            R"("total_limit": 0, "client_limit": 0, "accept_rate": 0})");
  EXPECT_EQ(Json(admin::v1::UndrainResponse()), R"({"state": "GATEWAY_STATE_UNSPECIFIED"})");
  EXPECT_EQ(Json(admin::v1::UndrainRequest()), R"({"reactor": null})");
  EXPECT_EQ(Json(admin::v1::RebalanceResponse()), R"({"operation": null, "auto_enabled": false})");
  EXPECT_EQ(Json(admin::v1::ListReactorsResponse()), R"({"reactors": []})");
}

TEST(ProtoDocument, SixtyFourBitIntegersAreRawNumbers) {
  admin::v1::PlannedMove move;
  move.set_connections(18446744073709551615U);
  EXPECT_EQ(Json(move),
            R"({"from_reactor": 0, "to_reactor": 0, "connections": 18446744073709551615})");
}

TEST(ProtoDocument, TimesAreAsInProtobufsOwnJson) {
  admin::v1::GetStatsResponse stats;
  EXPECT_THAT(Json(stats), StartsWith(R"({"time": null, "uptime": null, )"));
  stats.mutable_time()->set_seconds(1'700'000'000);
  stats.mutable_uptime()->set_seconds(1);
  stats.mutable_uptime()->set_nanos(500'000'000);
  EXPECT_THAT(Json(stats), StartsWith(R"({"time": "2023-11-14T22:13:20Z", "uptime": "1.500s", )"));
}

TEST(ProtoDocument, EnumsAreNamesAndUnknownOnesNumbers) {
  admin::v1::UndrainResponse response;
  response.set_state(admin::v1::GATEWAY_STATE_SERVING);
  EXPECT_EQ(Json(response), R"({"state": "GATEWAY_STATE_SERVING"})");
  response.set_state(static_cast<admin::v1::GatewayState>(99));
  EXPECT_EQ(Json(response), R"({"state": 99})");
}

TEST(ProtoDocument, MapsAreSortedObjects) {
  admin::v1::GetInfoResponse info;
  (*info.mutable_config())["b"] = "2";
  (*info.mutable_config())["a"] = "1";
  info.add_listen_addresses("x");
  EXPECT_THAT(Json(info), HasSubstr(R"("config": {"a": "1", "b": "2"})"));
  EXPECT_THAT(Json(info), HasSubstr(R"("listen_addresses": ["x"])"));
}

TEST(ProtoDocument, DurationsGoBothWays) {
  google::protobuf::Duration proto;
  ToProto(std::chrono::milliseconds(1500), &proto);
  EXPECT_EQ(proto.seconds(), 1);
  EXPECT_EQ(proto.nanos(), 500'000'000);
  EXPECT_EQ(FromProto(proto), std::chrono::milliseconds(1500));
}

}  // namespace
}  // namespace echogw::ctl
