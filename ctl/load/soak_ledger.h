// The gateway's side of a soak: its counters before and after, and whether they add up with each
// other and with what the clients saw. Pure but for WaitUntilQuiet, which makes calls.
#pragma once

#include <grpcpp/support/status.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "ctl/gateway/client.h"
#include "ctl/output/document.h"
#include "echogw/admin/v1/admin.pb.h"

namespace echogw::ctl::load {

// What the clients know of the time between the two snapshots.
struct ClientTotals {
  std::uint64_t connects = 0;
  std::uint64_t verified_bytes = 0;
};

// One sentence for each thing that does not add up; empty when all does. Others may use the gateway
// at the same time: it may have done more than the clients know of, but never less.
[[nodiscard]] std::vector<std::string> CheckLedger(const admin::v1::GetStatsResponse& before,
                                                   const admin::v1::GetStatsResponse& after,
                                                   const ClientTotals& clients);

// Reads the counters until they add up and at most `active` connections are active, but no longer
// than `limit`: the last ones read are kept then. `busy` says whether connections still came in
// that case, so that a snapshot, which is no consistent cut, proves nothing.
[[nodiscard]] grpc::Status WaitUntilQuiet(Client& client, std::uint64_t active, Duration limit,
                                          admin::v1::GetStatsResponse* stats, bool* busy);

// By how much each field grew, by the names of the API. Of messages of plain counts.
[[nodiscard]] Document GrowthDocument(const google::protobuf::Message& before,
                                      const google::protobuf::Message& after);
[[nodiscard]] Document LedgerDocument(const admin::v1::GetStatsResponse& before,
                                      const admin::v1::GetStatsResponse& after);

}  // namespace echogw::ctl::load
