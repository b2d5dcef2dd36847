// SPDX-License-Identifier: MIT
//
// `headrace receive`: what it is asked for.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "headrace/address.hpp"

namespace headrace::tool {

inline constexpr std::size_t kLargestBuffer = 65'536;  // what the library takes of a datagram

struct ReceiveArguments {
  std::string address;
  std::vector<Address> groups{};
  std::string interface{};  ///< for the groups; empty: as the routes say
  bool broadcast = false;
  std::optional<std::uint64_t> count{};
  std::optional<std::chrono::nanoseconds> timeout{};  ///< of silence
  std::size_t buffer = kLargestBuffer;                ///< bytes taken of a datagram
  std::uint32_t kernel_buffer = 0;                    ///< 0: the system's default
  std::string encoding{};                             ///< empty: bytes are shown as they are
  bool hex = false;
  bool json = false;
  bool raw = false;
  bool verbose = false;
};

/// Receives until told to stop: the exit status. `at` is where it was parsed to.
[[nodiscard]] int run_receive(const Address& at, const ReceiveArguments& asked);

}  // namespace headrace::tool
