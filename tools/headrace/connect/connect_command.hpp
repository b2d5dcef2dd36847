// SPDX-License-Identifier: MIT
//
// `headrace connect ADDR`: what the user asked for, and the one call that does it.
#pragma once

#include <chrono>
#include <optional>

#include "connect/translation.hpp"
#include "headrace/address.hpp"
#include "headrace/deadline.hpp"

namespace headrace::tool {

using namespace std::chrono_literals;

/// The options of `headrace connect`, already values; the initial values are what its help shows.
struct ConnectArguments {
  Address address = Address::ip(Transport::tcp, "127.0.0.1", 0);
  std::optional<Address> source;
  WireFormat format;
  Deadline timeout = Deadline::after(10s);
  std::uint64_t retries = 0;
  Deadline linger = Deadline::after(5s);
  std::chrono::nanoseconds wait = 1s;  ///< datagrams: for a reply
};

/// Connects, and passes bytes both ways until one side has ended. The exit status.
[[nodiscard]] int run_connect(const ConnectArguments& arguments);

}  // namespace headrace::tool
