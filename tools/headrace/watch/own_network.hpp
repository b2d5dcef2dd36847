// SPDX-License-Identifier: MIT
//
// A network namespace of one's own, made without being root.
#pragma once

#include <expected>
#include <string>

namespace headrace::watch {

/// Moves this process, which must have one thread, into a new user and network namespace, where it
/// may do as root does, and brings its loopback interface up. Or a sentence about what is in the
/// way and what to try.
[[nodiscard]] std::expected<void, std::string> enter_own_network();

}  // namespace headrace::watch
