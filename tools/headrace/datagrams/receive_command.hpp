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

struct ReceiveArguments {
  std::string address;
  std::vector<Address> groups{};
  std::string interface{};  ///< for the groups; empty: as the routes say
  bool broadcast = false;
  std::optional<std::uint64_t> count{};
  std::optional<std::chrono::nanoseconds> timeout{};  ///< of silence
  std::size_t buffer = 65'536;      ///< bytes taken of a datagram; as many as the library takes
  std::uint32_t kernel_buffer = 0;  ///< 0: the system's default
  std::string encoding{};           ///< empty: bytes are shown as they are
  bool hex = false;
  bool json = false;
  bool raw = false;
  bool verbose = false;
};

/// Receives until told to stop: the exit status. `at` is where it was parsed to.
[[nodiscard]] int run_receive(const Address& at, const ReceiveArguments& arguments);

}  // namespace headrace::tool
