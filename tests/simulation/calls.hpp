// SPDX-License-Identifier: MIT
//
// What the simulated kernel answers to a receive, a send and an accept, by whichever way it is
// asked: by a call (calls.cpp) or a request of a ring.
#pragma once

#include "kernel.hpp"

namespace headrace::simulation {

/// A call begins, on the kernel that lives.
Kernel& enter() noexcept;

/// A descriptor or a negative errno. `address` may be null.
int accept_from(Kernel& kernel, ListeningSocket& listener, sockaddr* address,
                socklen_t* size) noexcept;
ssize_t receive_from(Kernel& kernel, Connection& stream, void* bytes, std::size_t size) noexcept;
ssize_t send_to(Kernel& kernel, Connection& stream, const void* bytes, std::size_t size) noexcept;

}  // namespace headrace::simulation
