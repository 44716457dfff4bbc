#include "tests/property/pool_model_clients.h"

#include <algorithm>

#include "gtest/gtest.h"

namespace echogw::server {
namespace {

constexpr std::size_t kClientsMax = 120;
// More than the buffers of both sides hold, so that output is pending in the gateway.
constexpr std::size_t kMuch = std::size_t{3} << 20U;
constexpr int kSmallBuffer = 4096;

}  // namespace

void ModelClients::Connect(std::size_t count) {
  for (std::size_t i = 0; i < count && clients_.size() < kClientsMax; ++i) {
    Client client;
    client.manner = random_.Percent(15) ? Manner::kSlow : Manner::kPrompt;
    client.stream = std::make_unique<StreamClient>(StreamClientOptions{
        .port = ports_[random_.Index(ports_.size())],
        .salt = ++salt_,
        .receive_buffer_bytes = client.manner == Manner::kSlow ? kSmallBuffer : 0});
    Check(client);
    client.stream->Offer(client.manner == Manner::kSlow ? kMuch : random_.Between(1, 2000));
    clients_.push_back(std::move(client));
  }
}

void ModelClients::Talk() {
  for (Client& client : clients_) {
    if (client.half_closed || client.manner == Manner::kSlow || !random_.Percent(30)) continue;
    client.stream->Offer(random_.Percent(5) ? 200'000 : random_.Between(1, 4000));
  }
}

ModelClients::Client* ModelClients::PickOne() {
  return clients_.empty() ? nullptr : &clients_[random_.Index(clients_.size())];
}

void ModelClients::Erase(const Client* client) {
  clients_.erase(clients_.begin() + (client - clients_.data()));
}

void ModelClients::HalfCloseOne() {
  Client* client = PickOne();
  if (client == nullptr || client->half_closed) return;
  client->stream->HalfClose();
  client->half_closed = true;
}

void ModelClients::CloseOne() {
  if (const Client* client = PickOne(); client != nullptr) Erase(client);
}

void ModelClients::ResetOne() {
  const Client* client = PickOne();
  if (client == nullptr) return;
  client->stream->Reset();
  Erase(client);
}

void ModelClients::Check(const Client& client) {
  if (!client.stream->error().empty()) {
    ADD_FAILURE() << (client.manner == Manner::kSlow ? "a slow" : "a") << " client"
                  << (client.half_closed ? ", half closed" : "") << ": " << client.stream->error();
  }
}

bool ModelClients::Pump() {
  bool moved = false;
  for (Client& client : clients_) {
    const bool slow = client.manner == Manner::kSlow;
    moved = client.stream->Pump(slow ? random_.Between(0, 8192) : SIZE_MAX) || moved;
    Check(client);
  }
  std::erase_if(clients_, [](const Client& c) { return !c.stream->open(); });
  return moved;
}

void ModelClients::CatchUp() {
  // Side by side: one alone would take as long as the slowest, again and again.
  for (Client& client : clients_) (void)client.stream->Pump();
  for (Client& client : clients_) {
    (void)client.stream->PumpUntilDone();
    Check(client);
  }
  std::erase_if(clients_, [](const Client& c) { return !c.stream->open(); });
}

void ModelClients::PumpWhileClosing() {
  for (Client& client : clients_) {
    (void)client.stream->Pump();
    const std::string& error = client.stream->error();
    // The end itself is no wonder; a wrong byte is.
    if (error.starts_with("wrong byte") || error.starts_with("more came back")) Check(client);
  }
  std::erase_if(clients_, [](const Client& c) { return !c.stream->open(); });
}

}  // namespace echogw::server
