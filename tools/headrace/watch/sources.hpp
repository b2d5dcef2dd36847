// SPDX-License-Identifier: MIT
//
// What a look at TCP here can see and what it cannot: said once at the start, with the line that
// would change it.
#pragma once

#include <string>
#include <vector>

#include "headrace/tcp_state.hpp"

namespace headrace::watch {

/// A sentence for each source that is missing, then the exact setcap line, if it would help. Empty
/// when all is there.
[[nodiscard]] std::vector<std::string> missing_sources(const TcpWatch& watch);

/// "snapshot ended trace", each with what it lost: for a status line.
[[nodiscard]] std::string sources_text(const TcpWatch& watch);

/// The capabilities that the sources take, as one setcap(8) line for this program.
[[nodiscard]] std::string setcap_line();

}  // namespace headrace::watch
