// SPDX-License-Identifier: MIT
//
// `serve --interactive`: commands on standard input while the server runs.
#pragma once

#include <string>
#include <string_view>

#include "headrace/control.hpp"
#include "outlet.hpp"

namespace headrace::tool {

/// Carries out one command of the operator and says what came of it: lines for a person, each
/// ending in a newline; empty for an empty line.
[[nodiscard]] std::string obey(std::string_view command, Control& control);

/// Reads `stats`, `list`, `kick ID`, `quit` and `help` from standard input, a line each; answers on
/// standard output. The end of the input stops the server.
class InteractiveInput final : public ControlSource {
 public:
  InteractiveInput();
  ~InteractiveInput() override;
  [[nodiscard]] int descriptor() const noexcept override;
  bool readable(Control& control) noexcept override;

 private:
  void take_line(Control& control);

  std::string begun_;  // a line that has not ended yet; what is too long is cut
  Outlet answers_;     // never waits: whoever reads them may have stopped
};

}  // namespace headrace::tool
