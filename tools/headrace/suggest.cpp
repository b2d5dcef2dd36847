// SPDX-License-Identifier: MIT
//
// Nearness of words. The tables are small (a dozen options or models), so the plain quadratic
// method serves.
#include "suggest.hpp"

#include <algorithm>
#include <cctype>
#include <utility>

namespace headrace::tool {

namespace {

constexpr std::size_t kMostSuggestions = 3;
constexpr std::size_t kShortestPart =
    3;  // "poll" is part of "epoll-edge"; "e" of nearly everything

std::string plain(std::string_view word) {
  std::string text;
  for (const char letter : word)
    text +=
        letter == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  return text;
}

// A third of the letters may be wrong, and one always.
bool is_near(std::size_t distance, std::size_t length) {
  return distance <= std::max<std::size_t>(1, length / 3);
}

// The same word; then one that begins with it; then those nearly the same, the nearest first; then
// one that contains it; else none.
std::size_t rank(std::string_view word, std::string_view known) {
  constexpr std::size_t kSame = 0, kBegins = 1, kNear = 2, kContains = 1000;
  const std::string typed = plain(word);
  const std::string candidate = plain(known);
  if (typed == candidate) return kSame;
  const bool is_part = typed.size() >= kShortestPart;
  if (is_part && candidate.starts_with(typed)) return kBegins;
  const std::size_t distance = edit_distance(typed, candidate);
  const std::size_t length = std::max(typed.size(), candidate.size());
  if (distance < typed.size() && is_near(distance, length)) return kNear + distance;
  return is_part && candidate.find(typed) != std::string::npos ? kContains : std::string::npos;
}

}  // namespace

std::size_t edit_distance(std::string_view one, std::string_view other) {
  std::vector<std::size_t> before_last, last(other.size() + 1), current(other.size() + 1);
  for (std::size_t j = 0; j <= other.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= one.size(); ++i) {
    current[0] = i;
    for (std::size_t j = 1; j <= other.size(); ++j) {
      const std::size_t substituted = last[j - 1] + (one[i - 1] != other[j - 1] ? 1 : 0);
      current[j] = std::min({last[j] + 1, current[j - 1] + 1, substituted});
      const bool swapped =
          i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1];
      if (swapped) current[j] = std::min(current[j], before_last[j - 2] + 1);
    }
    before_last = std::exchange(last, current);
  }
  return last[other.size()];
}

std::vector<std::string_view> nearest(std::string_view word,
                                      std::span<const std::string_view> known) {
  std::size_t best = std::string::npos;
  std::vector<std::string_view> found;
  for (const std::string_view candidate : known) {
    const std::size_t its_rank = rank(word, candidate);
    if (its_rank < best) {
      best = its_rank;
      found.clear();
    }
    if (its_rank == best && best != std::string::npos) found.push_back(candidate);
  }
  if (found.size() > kMostSuggestions) found.resize(kMostSuggestions);
  return found;
}

std::string listed(std::span<const std::string_view> words, std::string_view last_link,
                   std::string_view quote) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 < words.size() ? ", " : " " + std::string{last_link} + " ";
    text += std::string{quote} + std::string{words[i]} + std::string{quote};
  }
  return text;
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> known) {
  const auto words = nearest(word, known);
  return words.empty() ? std::string{} : "; did you mean " + listed(words, "or", "'") + "?";
}

}  // namespace headrace::tool
