// Sends the requests of the view to the gateway and posts the outcomes. Calls are made on three
// threads of its own: actions, lists, and the operation that is followed do not wait for each
// other, so that an undrain gets through while a drain is followed.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "ctl/gateway/call.h"
#include "ctl/gateway/client.h"
#include "ctl/top/call_lane.h"
#include "ctl/top/inbox.h"
#include "ctl/top/messages.h"

namespace echogw::ctl::top {

class AdminCaller {
 public:
  // Call on the client's thread. Client and inbox outlive the caller.
  AdminCaller(Client& client, TopInbox& inbox);

  // Returns at once. Every request is answered in the inbox, with an error if need be.
  void Send(TopRequest request);

 private:
  // On the lanes, with the rest: makes the call and posts the outcome.
  void Make(grpc::ClientContext& call, const TopRequest& request);
  void Undrain(grpc::ClientContext& call, const admin::v1::UndrainRequest& request);
  void Close(grpc::ClientContext& call, const admin::v1::CloseConnectionsRequest& request);
  // Posts a refusal and returns nothing, or the response.
  template <auto kMethod>
  std::optional<ResponseOf<kMethod>> Ask(grpc::ClientContext& call, const char* what,
                                         const RequestOf<kMethod>& request);
  template <auto kMethod>
  void Begin(grpc::ClientContext& call, const char* what, const RequestOf<kMethod>& request);
  template <auto kMethod, typename Page>
  void List(grpc::ClientContext& call, const RequestOf<kMethod>& request, Page page);

  void Begun(const admin::v1::Operation& operation);
  void Follow(grpc::ClientContext& call, const admin::v1::Operation& begun);
  void Report(const admin::v1::Operation& operation);
  void Say(ActionNews::Tone tone, std::string text) {
    inbox_.Post(ActionNews{tone, std::move(text)});
  }

  const Client& client_;
  Client::Admin& admin_;
  TopInbox& inbox_;
  // Last, so that their threads end first. Jobs of actions_ add to follow_.
  CallLane follow_;
  CallLane lists_;
  CallLane actions_;
};

}  // namespace echogw::ctl::top
