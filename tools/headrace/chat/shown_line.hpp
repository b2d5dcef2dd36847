// SPDX-License-Identifier: MIT
//
// A line of the chat as a person sees it: with the time, the nick in a colour of its own, and
// nothing raw. Not here: the screen (line_editor.hpp).
#pragma once

#include <string>
#include <string_view>

namespace headrace::tool {

enum class Colours : bool { no, yes };

/// `line` came now, at `time` ("12:34"); one from the history has its own.
[[nodiscard]] std::string shown_line(std::string_view line, std::string_view time, Colours colours);

/// Who is named in `line`: by saying it, doing it, or in a notice; "" if nobody is.
[[nodiscard]] std::string_view nick_in(std::string_view line) noexcept;

}  // namespace headrace::tool
