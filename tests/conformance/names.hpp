// SPDX-License-Identifier: MIT
//
// The resolver of the tests: names.cpp stands before getaddrinfo(3) of the C library, in this
// program only, and answers for names that end in ".test" (RFC 6761: nobody has them).
#pragma once

#include <string>
#include <vector>

namespace headrace::conformance {

/// From now on `name` has these numeric addresses, in this order; none: it does not exist.
void set_addresses(const std::string& name, std::vector<std::string> addresses);

/// While it lives nobody is answered who asks for "never.test"; then all of them, that it does not
/// exist.
class SilentServer {
 public:
  SilentServer();
  SilentServer(const SilentServer&) = delete;
  SilentServer& operator=(const SilentServer&) = delete;
  ~SilentServer();

  /// Whether somebody asks, or has asked.
  [[nodiscard]] bool is_asked() const;
};

}  // namespace headrace::conformance
