// Runs one fuzz target where the compiler brings no fuzzer: over the files of a folder, so that
// what was found once stays found, and then, if asked, over random changes to them. Prints how many
// there were and from which seed; fails when there were none.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Input = std::vector<std::uint8_t>;

constexpr std::size_t kSizeMax = 2048;

std::vector<Input> ReadAll(const char* folder) {
  std::vector<Input> inputs;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    inputs.emplace_back(text.begin(), text.end());
  }
  return inputs;
}

class Changes {
 public:
  explicit Changes(unsigned seed) : random_(seed) {}

  const Input& OneOf(const std::vector<Input>& inputs) { return inputs[Below(inputs.size())]; }

  // One byte changed, put in or taken out, or a piece of another input put in.
  void Apply(Input& input, const Input& other) {
    const auto at = input.begin() + static_cast<std::ptrdiff_t>(Below(input.size() + 1));
    const std::size_t kind = Below(4);
    if (kind == 0 || at == input.end()) {
      input.insert(at, static_cast<std::uint8_t>(Below(256)));
    } else if (kind == 1) {
      *at = static_cast<std::uint8_t>(Below(256));
    } else if (kind == 2) {
      input.erase(at);
    } else {
      const std::size_t from = Below(other.size() + 1);
      const std::size_t size = Below(other.size() - from + 1);
      const auto first = other.begin() + static_cast<std::ptrdiff_t>(from);
      input.insert(at, first, first + static_cast<std::ptrdiff_t>(size));
    }
    if (input.size() > kSizeMax) input.resize(kSizeMax);
  }

  std::size_t Below(std::size_t bound) {
    return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_);
  }

 private:
  std::mt19937 random_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 4) {
    std::fprintf(stderr, "usage: %s FOLDER [CHANGES [SEED]]\n", argv[0]);
    return 2;
  }
  std::vector<Input> inputs = ReadAll(argv[1]);
  for (const Input& input : inputs) LLVMFuzzerTestOneInput(input.data(), input.size());
  std::printf("%zu inputs of %s\n", inputs.size(), argv[1]);
  if (inputs.empty()) return 1;
  const int changes = argc > 2 ? std::atoi(argv[2]) : 0;
  const unsigned seed = argc > 3 ? static_cast<unsigned>(std::atoi(argv[3])) : 1;
  std::printf("%d changes of them, seed %u\n", changes, seed);
  std::fflush(stdout);
  Changes random(seed);
  for (int i = 0; i < changes; ++i) {
    Input input = random.OneOf(inputs);
    for (std::size_t left = random.Below(8) + 1; left > 0; --left) {
      random.Apply(input, random.OneOf(inputs));
    }
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  return 0;
}
