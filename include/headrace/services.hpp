// SPDX-License-Identifier: MIT
//
// The services that come with headrace, for `headrace serve NAME` and for programs of your own.
#pragma once

#include "headrace/service.hpp"

namespace headrace::services {

/// Sends back what it receives, until the peer closes, goes quiet or fails (RFC 862).
Task<> echo(Stream peer);

}  // namespace headrace::services
