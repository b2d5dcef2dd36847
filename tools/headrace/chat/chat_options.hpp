// SPDX-License-Identifier: MIT
//
// What `headrace serve chat` is asked for beside the options of every service.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/chat.hpp"
#include "units.hpp"

namespace headrace::tool {

class Options;

/// Each as it was given; what was not is the library's default.
struct ChatArguments {
  std::optional<unsigned> history;
  std::optional<services::WhenSlow> when_slow;
  std::optional<std::uint64_t> max_line;
  std::optional<unsigned> rate_limit;  ///< from the option that all services share
  std::optional<std::uint64_t> outbox;
  std::optional<std::string> history_file;
  std::vector<std::string> encoding_names;  // by address, as in `encodings`
  std::vector<services::ChatEncoding> encodings;

  /// What is wrong with them for `service`, a sentence; "" if nothing is.
  [[nodiscard]] std::string why_not(std::string_view service) const;
  /// Takes "?encoding=NAME" off the addresses that have it; a sentence, if that cannot be.
  [[nodiscard]] std::string take_encodings(std::string_view service,
                                           std::vector<std::string>& listen);
  /// Borrows from this.
  [[nodiscard]] services::ChatOptions options() const;
};

/// An address to listen at, as it was written, with "?encoding=NAME" or without.
[[nodiscard]] Parsed<std::string> parse_address_with_encoding(std::string_view text);

void add_chat_options(Options& options, ChatArguments& to);

}  // namespace headrace::tool
