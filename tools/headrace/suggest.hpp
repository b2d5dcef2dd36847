// SPDX-License-Identifier: MIT
//
// "Did you mean": the words nearest to one that is not known.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace headrace::tool {

/// Insertions, deletions, substitutions and swaps of neighbours that turn one word into the other,
/// each letter touched by one of them only (the restricted Damerau-Levenshtein distance).
[[nodiscard]] std::size_t edit_distance(std::string_view one, std::string_view other);

/// The known words that `word` may stand for, nearest first, three at most; none when nothing is
/// near. Case and the difference between '-' and '_' do not count; a part of a word stands for it
/// ("epoll" for "epoll-edge").
[[nodiscard]] std::vector<std::string_view> nearest(std::string_view word,
                                                    std::span<const std::string_view> known);

/// "; did you mean 'epoll-level' or 'epoll-edge'?", or "" when nothing is near.
[[nodiscard]] std::string did_you_mean(std::string_view word,
                                       std::span<const std::string_view> known);

/// "a, b and c", "'a' or 'b'" with `quote`.
[[nodiscard]] std::string listed(std::span<const std::string_view> words,
                                 std::string_view last_link, std::string_view quote = "");

}  // namespace headrace::tool
