// SPDX-License-Identifier: MIT
//
// Numbered datagrams: what `send --count` writes in front of each, and what `receive` finds out
// from it about those that were lost, came twice or came late.
//
// The number is text, so that other programs can read and write it:
//
//   #4f2a91c7 4/10 hello      the fourth of ten of the run 4f2a91c7, with the content "hello"
//   #4f2a91c7 4/10            the same without content
//
// A run is the datagrams of one call of send; eight lowercase hexadecimal digits, drawn at random.
// Decimal numbers from 1, without leading zeros. In ASCII, whatever the content is encoded in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace headrace::tool {

/// Which one of how many.
struct Number {
  static constexpr std::uint64_t kHighest = 1'000'000'000'000;

  std::uint32_t run = 0;
  std::uint64_t index = 0;  ///< from 1 to `of`
  std::uint64_t of = 0;     ///< at most kHighest

  bool operator==(const Number&) const noexcept = default;
};

/// "#4f2a91c7 4/10".
[[nodiscard]] std::string to_text(const Number& number);

/// `content` with its number in front.
[[nodiscard]] std::string numbered(const Number& number, std::string_view content);

/// The number at the front of a datagram, and how many bytes it takes with the space behind it.
struct NumberAtFront {
  Number number;
  std::size_t size;
};

/// Nothing where `datagram` does not begin with a number.
[[nodiscard]] std::optional<NumberAtFront> number_of(std::string_view datagram) noexcept;

/// How one numbered datagram came.
struct Turn {
  enum class Order : std::uint8_t { next, late, again };
  Order order = Order::next;  ///< `late`: one with a higher number came before it
  std::uint64_t missing = 0;  ///< numbers between the highest so far and this one
};

/// What is known of all runs together.
struct RunTotals {
  std::uint64_t runs = 0;
  std::uint64_t came = 0;      ///< each number once
  std::uint64_t repeated = 0;  ///< came again
  std::uint64_t late = 0;      ///< after one with a higher number
  std::uint64_t lost = 0;      ///< below the highest that came
  std::uint64_t unseen = 0;    ///< above it: lost, or not sent yet
};

/// Keeps count of numbered datagrams, in bounded memory: of the last 64 runs, and of the last
/// 65,536 numbers of each. What came before those counts as late, since nobody knows any more
/// whether it comes again.
class Runs {
 public:
  static constexpr std::size_t kMostRuns = 64;
  static constexpr std::uint64_t kWindow = 65'536;

  /// A datagram of `sender` with `number` has come.
  Turn note(std::string_view sender, const Number& number);

  [[nodiscard]] RunTotals totals() const noexcept;

 private:
  struct Run {
    std::string sender;
    std::uint32_t id = 0;
    std::uint64_t of = 0;
    std::uint64_t highest = 0;
    std::uint64_t came = 0;
    std::vector<std::uint64_t> seen{};  // a bit for each of the last numbers, the window, as a ring
  };

  Run& find(std::string_view sender, const Number& number);
  void forget_oldest();
  static void advance(Run& run, std::uint64_t to) noexcept;

  std::list<Run> runs_;  // the one heard last is in front
  RunTotals counted_;    // what is counted as it comes, and the rest of those forgotten
};

}  // namespace headrace::tool
