// SPDX-License-Identifier: MIT
//
// Units: one table for time, one for sizes; a number is digits only, so signs, blanks and fractions
// are refused.
#include "units.hpp"

#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <ranges>
#include <span>
#include <system_error>

#include <fmt/format.h>

namespace headrace::tool {

namespace {

struct Unit {
  std::string_view name;
  std::uint64_t worth;
};

constexpr std::array kTimes{Unit{"us", 1'000}, Unit{"ms", 1'000'000}, Unit{"s", 1'000'000'000},
                            Unit{"m", 60'000'000'000}, Unit{"h", 3'600'000'000'000}};
constexpr std::array kSizes{Unit{"", 1}, Unit{"B", 1}, Unit{"KiB", 1ULL << 10},
                            Unit{"MiB", 1ULL << 20}, Unit{"GiB", 1ULL << 30}};
constexpr std::uint64_t kLongest = std::numeric_limits<std::int64_t>::max();

struct Quantity {
  std::string_view digits;
  std::string_view unit;
};

// "64KiB" is 64 and KiB; no digits at the front means no quantity at all.
Quantity split(std::string_view text) {
  std::size_t digits = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') ++digits;
  return {text.substr(0, digits), text.substr(digits)};
}

// Nothing when the number does not fit below `most`.
std::optional<std::uint64_t> number(std::string_view digits, std::uint64_t most) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc{} || end != digits.data() + digits.size() || value > most)
    return std::nullopt;
  return value;
}

std::optional<std::uint64_t> worth_of(std::string_view name, std::span<const Unit> units) {
  for (const Unit& unit : units)
    if (unit.name == name) return unit.worth;
  return std::nullopt;
}

Parsed<std::uint64_t> multiply(std::string_view text, std::string_view digits,
                               std::uint64_t worth) {
  if (const auto value = number(digits, kLongest / worth)) return *value * worth;
  return std::unexpected(fmt::format("'{}' is too large", text));
}

bool is_word(std::string_view text) {
  return text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") ==
         std::string_view::npos;
}

}  // namespace

Parsed<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  const Quantity parts = split(text);
  if (parts.digits.empty() || !is_word(parts.unit))
    return std::unexpected(fmt::format(
        "'{}' is no duration; write a whole number and a unit: 250us, 500ms, 5s, 2m, 1h", text));
  if (parts.unit.empty())
    return std::unexpected(fmt::format("'{0}' has no unit; write {0}s (or us, ms, m, h)", text));
  const auto worth = worth_of(parts.unit, kTimes);
  if (!worth)
    return std::unexpected(
        fmt::format("'{}': '{}' is no unit of time; use us, ms, s, m or h", text, parts.unit));
  const auto ns = multiply(text, parts.digits, *worth);
  if (!ns) return std::unexpected(ns.error());
  return std::chrono::nanoseconds{static_cast<std::int64_t>(*ns)};
}

Parsed<std::uint64_t> parse_size(std::string_view text) {
  const Quantity parts = split(text);
  if (parts.digits.empty() || !is_word(parts.unit))
    return std::unexpected(fmt::format(
        "'{}' is no size; write a whole number and a unit: 64, 64B, 64KiB, 1MiB", text));
  const auto worth = worth_of(parts.unit, kSizes);
  if (!worth)
    return std::unexpected(fmt::format(
        "'{}': '{}' is no unit of size; use B, KiB (1024 B), MiB or GiB", text, parts.unit));
  return multiply(text, parts.digits, *worth);
}

Parsed<std::uint64_t> parse_count(std::string_view text, std::uint64_t least, std::uint64_t most) {
  const Quantity parts = split(text);
  if (parts.digits.empty() || !parts.unit.empty())
    return std::unexpected(fmt::format("'{}' is no whole number", text));
  const auto value = number(parts.digits, most);
  if (!value) return std::unexpected(fmt::format("'{}' is too large; at most {}", text, most));
  if (*value < least)
    return std::unexpected(fmt::format("'{}' is too small; at least {}", text, least));
  return *value;
}

std::string written(std::chrono::nanoseconds duration) {
  const auto ns = static_cast<std::uint64_t>(duration.count() < 0 ? 0 : duration.count());
  if (ns == 0) return "0s";
  for (const Unit& unit : kTimes | std::views::reverse)
    if (ns % unit.worth == 0) return fmt::format("{}{}", ns / unit.worth, unit.name);
  return fmt::format("{}us", ns / 1000);
}

std::string spoken(std::chrono::nanoseconds duration) {
  using namespace std::chrono;
  if (duration < 1ms) return fmt::format("{} us", duration_cast<microseconds>(duration).count());
  if (duration < 1s) return fmt::format("{} ms", duration_cast<milliseconds>(duration).count());
  if (duration < 60s) {
    const auto tenths = duration_cast<milliseconds>(duration).count() / 100;
    return fmt::format("{}.{} s", tenths / 10, tenths % 10);
  }
  const auto seconds_in_all = duration_cast<seconds>(duration).count();
  if (duration < 1h) return fmt::format("{} min {} s", seconds_in_all / 60, seconds_in_all % 60);
  return fmt::format("{} h {} min", seconds_in_all / 3600, seconds_in_all / 60 % 60);
}

std::string counted(std::uint64_t number, std::string_view thing) {
  return fmt::format("{} {}{}", number, thing, number == 1 ? "" : "s");
}

}  // namespace headrace::tool
