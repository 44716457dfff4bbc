// Seeded random numbers: the same seed repeats a test. The seed is printed; ECHOGW_TEST_SEED sets
// it.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>

namespace echogw {

// The seed of this run. Prints it with the test's name.
[[nodiscard]] inline std::uint64_t TestSeed() {
  const char* given = std::getenv("ECHOGW_TEST_SEED");
  const std::uint64_t seed =
      given != nullptr ? std::stoull(given) : std::uint64_t{std::random_device{}()};
  std::cout << "seed " << seed << " (to repeat: ECHOGW_TEST_SEED=" << seed << ")\n";
  return seed;
}

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  // Within [low, high].
  [[nodiscard]] std::uint64_t Between(std::uint64_t low, std::uint64_t high) {
    return std::uniform_int_distribution<std::uint64_t>(low, high)(engine_);
  }
  [[nodiscard]] std::size_t Index(std::size_t size) { return Between(0, size - 1); }
  [[nodiscard]] bool Percent(unsigned chance) { return Between(1, 100) <= chance; }

 private:
  std::mt19937_64 engine_;
};

}  // namespace echogw
