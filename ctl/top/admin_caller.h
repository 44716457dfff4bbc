// Carries requests of the view to the gateway and posts what comes of them. Calls are made on three
// threads of its own: actions, lists, and the operation that is followed do not wait for each
// other, so that an undrain gets through while a drain is watched.
#pragma once

#include <string>

#include "ctl/gateway/client.h"
#include "ctl/top/call_lane.h"
#include "ctl/top/inbox.h"
#include "ctl/top/messages.h"

namespace echogw::ctl::top {

class AdminCaller {
 public:
  // Call on the client's thread. Client and inbox outlive the caller.
  AdminCaller(Client& client, TopInbox& inbox);

  // Returns at once. Every request has an answer in the inbox, errors included.
  void Send(TopRequest request);

 private:
  // On the lanes.
  void Call(grpc::ClientContext& call, const admin::v1::DrainRequest& request);
  void Call(grpc::ClientContext& call, const admin::v1::UndrainRequest& request);
  void Call(grpc::ClientContext& call, const admin::v1::ResizeRequest& request);
  void Call(grpc::ClientContext& call, const admin::v1::RebalanceRequest& request);
  void Call(grpc::ClientContext& call, const admin::v1::CloseConnectionsRequest& request);
  void Call(grpc::ClientContext& call, const admin::v1::ListConnectionsRequest& request);
  void Call(grpc::ClientContext& call, const admin::v1::GetConnectionRequest& request);
  void Call(grpc::ClientContext& call, const admin::v1::ListEventsRequest& request);

  void Begun(const admin::v1::Operation& operation);
  void Follow(grpc::ClientContext& call, const admin::v1::Operation& begun);
  void Report(const admin::v1::Operation& operation);
  void Done(std::string text);
  void Failed(std::string what, const grpc::Status& status);

  const Client& client_;
  Client::Admin& admin_;
  TopInbox& inbox_;
  // Last, so that their threads end first. The actions' lane uses the following one.
  CallLane follow_;
  CallLane lists_;
  CallLane actions_;
};

}  // namespace echogw::ctl::top
