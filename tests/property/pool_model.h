// A pool, and next to it a model of what must be true of it: which reactors are in which state,
// what an operation may result in, which connections live. Random steps are taken on both, and
// both are compared.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/property/pool_model_clients.h"
#include "tests/support/pool_fixture.h"
#include "tests/support/random.h"

namespace echogw::server {

class PoolModel {
 public:
  // The kind of pool is chosen at random too.
  explicit PoolModel(Random& random);

  // Takes one step. Failures are reported to gtest, with the steps before in Trace.
  void Step();
  // Ends what runs, then compares all there is, every byte of every connection included.
  void CheckAll();
  // Closes all connections and stops the pool.
  void Finish();

  [[nodiscard]] const std::string& kind() const { return kind_; }
  // The last steps, newest last.
  [[nodiscard]] std::string Trace() const;

 private:
  enum class Slot : std::uint8_t {
    kServing,
    kDraining,  // by the operator, out of time
    kRetiring,  // by a shrink, out of time
    kDrained,
    kParked,
  };
  // Changes the model as an operation's end requires; may fail the test.
  using Apply = std::function<void(const Operation&)>;
  struct Pending {
    std::uint64_t id = 0;
    Apply apply;
  };

  // ---- pool_model.cc ----
  void Note(const std::string& what);
  // Keeps the clients going until `done`; false if that takes too long.
  bool PumpUntil(const std::function<bool()>& done);
  // Waits for the end of the operation under way, and compares.
  void Settle();
  void ApplyPending();
  // Until no connection waits to be accepted.
  [[nodiscard]] bool AwaitAccepted();
  // Takes in what became of an operation that was asked for. `allowed`: the model says it can be.
  void Begun(const absl::StatusOr<Operation>& begun, bool allowed, Apply apply);
  void CheckStates();
  void CheckAccounts();
  [[nodiscard]] std::vector<std::uint32_t> In(Slot state) const;
  [[nodiscard]] std::uint32_t running() const;
  [[nodiscard]] bool AnyWeight(const std::vector<std::uint32_t>& slots) const;
  [[nodiscard]] std::uint32_t AnyReactor();

  // ---- pool_model_steps.cc ----
  void StepOfClients();
  void StepOfOperator();
  void Resize();
  void ApplyResize(std::uint32_t target, bool hasty, const Operation& o);
  void DrainReactor();
  void DrainReactorAndBack();
  void UndrainReactor();
  void Move();
  void Rebalance();
  void SetSteering();
  void SwitchAutomatic();
  void AskNonsense();
  void DrainGatewayAndBack();
  void DrainGatewayToTheEnd();

  Random& random_;
  bool steering_ = true;
  std::string kind_;
  std::unique_ptr<TestPool> pool_;
  std::unique_ptr<ModelClients> clients_;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> weights_;
  std::optional<Pending> pending_;
  std::vector<std::string> trace_;
};

}  // namespace echogw::server
