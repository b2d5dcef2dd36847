// SPDX-License-Identifier: MIT
//
// Durations, sizes and counts as users write them (`500ms`, `64KiB`, `100`), and as they are shown.
// Strict: what could be meant in two ways is refused with a sentence that says what to write.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace headrace::tool {

/// A value, or a sentence about what is wrong with the text: "'5' has no unit; write 5s".
template <class T>
using Parsed = std::expected<T, std::string>;

/// A whole number and one of `us ms s m h`.
[[nodiscard]] Parsed<std::chrono::nanoseconds> parse_duration(std::string_view text);

/// Bytes: a whole number, alone or with one of `B KiB MiB GiB`.
[[nodiscard]] Parsed<std::uint64_t> parse_size(std::string_view text);

/// A whole number from `least` to `most`.
[[nodiscard]] Parsed<std::uint64_t> parse_count(std::string_view text, std::uint64_t least,
                                                std::uint64_t most);

/// As `parse_duration` takes it, in the largest unit that is exact: "5s", "90s", "1500us".
[[nodiscard]] std::string written(std::chrono::nanoseconds duration);

/// As a person says it: "350 ms", "1.2 s", "12 min 3 s", "3 h 12 min".
[[nodiscard]] std::string spoken(std::chrono::nanoseconds duration);

/// "1 connection", "3 connections".
[[nodiscard]] std::string counted(std::uint64_t number, std::string_view thing);

}  // namespace headrace::tool
