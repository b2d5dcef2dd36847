// SPDX-License-Identifier: MIT
//
// Where datagrams go and come from, as users write it: shorthands mean UDP here.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "headrace/address.hpp"
#include "headrace/datagram.hpp"
#include "units.hpp"

namespace headrace::tool {

/// `udp://HOST:PORT`, `HOST:PORT`, `PORT`, `unix-datagram:/PATH`. A stream's address is refused,
/// with what to write instead.
[[nodiscard]] Parsed<Address> parse_datagram_address(std::string_view text);

/// The group of `receive --join`: a numeric multicast address, perhaps with `%zone`.
[[nodiscard]] Parsed<Address> parse_group(std::string_view text);

/// The name of a network interface that this machine has.
[[nodiscard]] Parsed<std::string> parse_interface(std::string_view text);

/// Every endpoint that `address` stands for; a name is asked of the resolver, which blocks.
[[nodiscard]] Result<std::vector<Endpoint>> endpoints_of(const Address& address);

/// Asks for host and port, "ip:" and "port:", where a person sits at stdin and stderr: the answers
/// as an address. Empty where there is no terminal, or no answer.
[[nodiscard]] std::string ask_for_address();

}  // namespace headrace::tool
