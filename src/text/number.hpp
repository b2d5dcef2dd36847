// SPDX-License-Identifier: MIT
//
// A number in text that the kernel has written: /proc, trace events. Not here: what a person types,
// with units and complaints (tools/headrace/units.hpp).
#pragma once

#include <charconv>
#include <concepts>
#include <optional>
#include <string_view>
#include <system_error>

namespace headrace::text {

/// All of `text` as a number of that base; nothing if it is anything else, or does not fit.
template <std::integral Number>
[[nodiscard]] std::optional<Number> number(std::string_view text, int base = 10) noexcept {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace headrace::text
