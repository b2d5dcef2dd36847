// SPDX-License-Identifier: MIT
//
// Names of members and rooms: in any script, but nobody can pass for somebody else with white space
// or characters that are not seen. Not here: letters of different scripts that look the same.
#pragma once

#include <string>
#include <string_view>

namespace headrace::chat {

inline constexpr std::size_t kLongestName = 32;  // characters

/// What is wrong with `name`, in words that follow "this name"; "" if nothing is.
[[nodiscard]] std::string_view why_not_a_name(std::string_view name) noexcept;

/// The same for two names that are held to be the same one: upper and lower case, wide forms.
/// `name` is one.
[[nodiscard]] std::string key_of(std::string_view name);

}  // namespace headrace::chat
