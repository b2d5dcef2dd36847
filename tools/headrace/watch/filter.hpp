// SPDX-License-Identifier: MIT
//
// FILTER of `headrace watch`: the words a user types, as a TcpFilter.
#pragma once

#include <span>
#include <string>

#include "headrace/tcp_state.hpp"
#include "units.hpp"

namespace headrace::watch {

/// Conditions, all of which must hold: ":7788" or "7788" (a port of either end), "HOST:PORT",
/// "pid N", "state NAME[,NAME...]". A word may hold several, separated by blanks. No word: no
/// condition.
///
/// Blocks while it asks the resolver for a host's name.
[[nodiscard]] tool::Parsed<TcpFilter> parse_filter(std::span<const std::string> words);

}  // namespace headrace::watch
