// SPDX-License-Identifier: MIT
//
// What has happened in a run, by the virtual clock: the latest lines are kept, all are counted into
// a sum that two runs of one seed must share. Nothing is written unless asked for.
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace headrace::simulation {

class Trace {
 public:
  /// From now on each line is written to stdout as it happens.
  void follow() noexcept { follows_ = true; }

  /// `what` happened to `whom` (a descriptor, or a peer's number), with two numbers. Static text.
  void note(std::int64_t now, const char* what, std::int64_t whom, std::int64_t first,
            std::int64_t second) noexcept;

  /// The latest lines, oldest first.
  [[nodiscard]] std::string latest() const;
  [[nodiscard]] std::uint64_t sum() const noexcept { return sum_; }

 private:
  struct Line {
    std::int64_t now;
    const char* what;
    std::int64_t whom, first, second;
  };
  static std::string text_of(const Line& line);

  static constexpr std::size_t kKept = 48;
  std::array<Line, kKept> lines_{};
  std::uint64_t count_ = 0;
  std::uint64_t sum_ = 0;
  bool follows_ = false;
};

}  // namespace headrace::simulation
