// SPDX-License-Identifier: MIT
//
// Problems: what went wrong during a load, counted by kind. Nothing here ends a run: a connection
// that fails is counted and the others go on.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string_view>

#include "headrace/result.hpp"

namespace headrace::bench {

enum class Problem : std::uint8_t {
  refused,      ///< connections: nobody accepted
  timed_out,    ///< connections: not accepted in time
  unreachable,  ///< connections: no route, or the network went silent
  reset,        ///< connections: RST from the server
  closed,       ///< connections: FIN from the server with answers outstanding or more to ask
  corrupt,      ///< messages answered with other bytes than were sent
  surplus,      ///< connections: more bytes came back than were sent
  missing,      ///< messages: no full answer came in time
  lost,         ///< datagrams: no answer came in time
  no_ports,     ///< connections: no local port was free, as too many were closed a moment ago
  failed,       ///< connections: any other errno
};
inline constexpr std::size_t kProblemKinds = 11;

/// As in the report and its JSON: "timed_out".
[[nodiscard]] constexpr std::string_view to_text(Problem problem) noexcept {
  constexpr std::array<std::string_view, kProblemKinds> kNames = {
      "refused", "timed_out", "unreachable", "reset",    "closed", "corrupt",
      "surplus", "missing",   "lost",        "no_ports", "failed"};
  return kNames[static_cast<std::size_t>(problem)];
}

[[nodiscard]] constexpr Problem problem_of(const Failure& failure) noexcept {
  switch (failure.code) {
    case Errc::refused:
      return Problem::refused;
    case Errc::timed_out:
      return Problem::timed_out;
    case Errc::unreachable:
      return Problem::unreachable;
    case Errc::reset:
    case Errc::broken_pipe:
      return Problem::reset;
    case Errc::end_of_stream:
      return Problem::closed;
    case Errc::address_unavailable:
      return Problem::no_ports;
    default:
      return Problem::failed;
  }
}

[[nodiscard]] inline Problem problem_of_errno(int error) noexcept {
  return problem_of(Failure::from_errno("", error));
}

class Problems {
 public:
  void add(Problem problem, std::uint64_t times = 1) noexcept { counts_[index(problem)] += times; }
  [[nodiscard]] std::uint64_t count(Problem problem) const noexcept {
    return counts_[index(problem)];
  }
  void add(const Problems& others) noexcept {
    for (std::size_t kind = 0; kind < kProblemKinds; ++kind) counts_[kind] += others.counts_[kind];
  }
  [[nodiscard]] std::uint64_t total() const noexcept {
    return std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0});
  }

 private:
  static constexpr std::size_t index(Problem problem) noexcept {
    return static_cast<std::size_t>(problem);
  }
  std::array<std::uint64_t, kProblemKinds> counts_{};
};

}  // namespace headrace::bench
