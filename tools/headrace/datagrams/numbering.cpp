// SPDX-License-Identifier: MIT
//
// Reading numbers strictly, so that ordinary text is not taken for one; and a window of bits for
// each run. Anybody can send us numbers: no number may cost more than the window.
#include "datagrams/numbering.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>

#include <fmt/format.h>

namespace headrace::tool {

namespace {

constexpr std::size_t kRunDigits = 8;
constexpr std::size_t kBits = 64;

bool is_lower_hex(char c) noexcept { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

/// Takes text off the front of a datagram, piece by piece.
class Reader {
 public:
  explicit Reader(std::string_view text) noexcept : text_{text} {}

  bool take(char wanted) noexcept {
    if (at_ >= text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }
  bool take_run(std::uint32_t& run) noexcept {
    const std::string_view digits = text_.substr(at_, kRunDigits);
    if (digits.size() < kRunDigits || !std::ranges::all_of(digits, is_lower_hex)) return false;
    (void)std::from_chars(digits.data(), digits.data() + digits.size(), run, 16);  // fits: 8 digits
    at_ += kRunDigits;
    return true;
  }
  bool take_count(std::uint64_t& count) noexcept {
    const char* const begin = text_.data() + at_;
    const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), count);
    if (error != std::errc{} || *begin == '0' || count > Number::kHighest) return false;
    at_ += static_cast<std::size_t>(end - begin);
    return true;
  }
  [[nodiscard]] bool at_end() const noexcept { return at_ == text_.size(); }
  [[nodiscard]] std::size_t place() const noexcept { return at_; }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

std::uint64_t bit_of(std::uint64_t index) noexcept { return std::uint64_t{1} << (index % kBits); }

std::uint64_t& word_of(std::vector<std::uint64_t>& seen, std::uint64_t index) noexcept {
  return seen[(index / kBits) % seen.size()];
}

}  // namespace

std::string to_text(const Number& number) {
  return fmt::format("#{:08x} {}/{}", number.run, number.index, number.of);
}

std::string numbered(const Number& number, std::string_view content) {
  std::string datagram = to_text(number);
  if (content.empty()) return datagram;
  datagram += ' ';
  datagram += content;
  return datagram;
}

std::optional<NumberAtFront> number_of(std::string_view datagram) noexcept {
  Reader reader{datagram};
  Number number;
  const bool is_number = reader.take('#') && reader.take_run(number.run) && reader.take(' ') &&
                         reader.take_count(number.index) && reader.take('/') &&
                         reader.take_count(number.of) && number.index <= number.of;
  if (!is_number || !(reader.at_end() || reader.take(' '))) return std::nullopt;
  return NumberAtFront{.number = number, .size = reader.place()};
}

Turn Runs::note(std::string_view sender, const Number& number) {
  Run& run = find(sender, number);
  const std::uint64_t highest = run.highest;
  if (number.index > highest) {
    advance(run, number.index);
    ++run.came;
    ++counted_.came;
    return {.order = Turn::Order::next, .missing = number.index - highest - 1};
  }
  const bool in_window = highest - number.index < kBits * run.seen.size();
  if (in_window && (word_of(run.seen, number.index) & bit_of(number.index)) != 0) {
    ++counted_.repeated;
    return {.order = Turn::Order::again};
  }
  if (in_window) word_of(run.seen, number.index) |= bit_of(number.index);
  ++counted_.late;
  // Never more than there are: beyond the window a repeated one may be counted here.
  if (run.came < highest) {
    ++run.came;
    ++counted_.came;
  }
  return {.order = Turn::Order::late};
}

// The bits of the numbers up to `to`, which is new: cleared, as they stood for older ones.
void Runs::advance(Run& run, std::uint64_t to) noexcept {
  const std::uint64_t window = kBits * run.seen.size();
  if (to - run.highest >= window) {
    std::ranges::fill(run.seen, 0);
  } else {
    for (std::uint64_t index = run.highest + 1; index < to; ++index)
      word_of(run.seen, index) &= ~bit_of(index);
  }
  word_of(run.seen, to) |= bit_of(to);
  run.highest = to;
}

Runs::Run& Runs::find(std::string_view sender, const Number& number) {
  const auto found = std::ranges::find_if(runs_, [&](const Run& run) {
    return run.id == number.run && run.of == number.of && run.sender == sender;
  });
  if (found != runs_.end()) {
    runs_.splice(runs_.begin(), runs_, found);
    return runs_.front();
  }
  if (runs_.size() == kMostRuns) forget_oldest();
  runs_.push_front({.sender = std::string{sender}, .id = number.run, .of = number.of});
  const std::uint64_t words = (std::min(number.of, kWindow) + kBits) / kBits;
  runs_.front().seen.resize(static_cast<std::size_t>(words));
  ++counted_.runs;
  return runs_.front();
}

void Runs::forget_oldest() {
  const Run& oldest = runs_.back();
  counted_.lost += oldest.highest - oldest.came;
  counted_.unseen += oldest.of - oldest.highest;
  runs_.pop_back();
}

RunTotals Runs::totals() const noexcept {
  RunTotals totals = counted_;
  for (const Run& run : runs_) {
    totals.lost += run.highest - run.came;
    totals.unseen += run.of - run.highest;
  }
  return totals;
}

}  // namespace headrace::tool
