// SPDX-License-Identifier: MIT
//
// What `headrace serve chat` is asked for beside the options of every service.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "headrace/chat.hpp"

namespace headrace::tool {

class Options;

/// Each as it was given; what was not is the library's default.
struct ChatArguments {
  std::optional<unsigned> history;
  std::optional<services::WhenSlow> when_slow;
  std::optional<std::uint64_t> max_line;
  std::optional<unsigned> rate_limit;
  std::optional<std::uint64_t> outbox;
  std::optional<std::string> history_file;

  /// What is wrong with them for `service`, a sentence; "" if nothing is.
  [[nodiscard]] std::string why_not(std::string_view service) const;
  /// Borrows the name of the file.
  [[nodiscard]] services::ChatOptions options() const;
};

void add_chat_options(Options& options, ChatArguments& to);

}  // namespace headrace::tool
