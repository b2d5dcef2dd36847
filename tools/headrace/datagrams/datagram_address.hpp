// SPDX-License-Identifier: MIT
//
// Where datagrams go and come from, as users write it: shorthands mean UDP here.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/address.hpp"
#include "headrace/datagram.hpp"
#include "units.hpp"

namespace headrace::tool {

class Options;

/// `udp://HOST:PORT`, `HOST:PORT`, `PORT`, `unix-datagram:/PATH`. A stream's address is refused,
/// with what to write instead.
[[nodiscard]] Parsed<Address> parse_datagram_address(std::string_view text);

/// The group of `receive --join`: a numeric multicast address, perhaps with `%zone`.
[[nodiscard]] Parsed<Address> parse_group(std::string_view text);

/// The name of a network interface that this machine has.
[[nodiscard]] Parsed<std::string> parse_interface(std::string_view text);

/// Every endpoint that `address` stands for; a name is waited for, half a minute at most.
[[nodiscard]] Result<std::vector<Endpoint>> endpoints_of(const Address& address);

/// `at` with the first address of its name, to be bound; itself if it has none. The name is waited
/// for as long, and no longer than until `stop` is readable: then `canceled`.
[[nodiscard]] Result<Address> without_name(const Address& at, int stop);

/// Where no `address` was given: asks for host and port, "ip:" and "port:", if a person sits at
/// stdin and stderr, and puts the answers together. An exit status if there is none even so; then a
/// complaint has been printed, with `example` of what can be written.
[[nodiscard]] std::optional<int> ask_for_address(const Options& options, std::string& address,
                                                 std::string_view example);

}  // namespace headrace::tool
