// SPDX-License-Identifier: MIT
//
// Runs a fuzz target without a fuzzer: on no bytes, and on every file of the directory named in the
// first argument. So what was once found stays found, also where there is no clang. An abort is the
// failure.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size);

int main(int argc, char** argv) {
  (void)LLVMFuzzerTestOneInput(nullptr, 0);
  std::size_t replayed = 0;
  if (argc > 1 && std::filesystem::is_directory(argv[1])) {
    for (const auto& entry : std::filesystem::directory_iterator{argv[1]}) {
      std::printf("%s\n", entry.path().filename().c_str());
      (void)std::fflush(stdout);  // the last name printed is the one that aborts
      std::ifstream file{entry.path(), std::ios::binary};
      const std::vector<char> bytes{std::istreambuf_iterator<char>{file}, {}};
      (void)LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                   bytes.size());
      ++replayed;
    }
  }
  std::printf("%zu inputs replayed\n", replayed);
}
