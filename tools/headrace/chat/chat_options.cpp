// SPDX-License-Identifier: MIT
//
// The options of `headrace serve chat`.
#include "chat/chat_options.hpp"

#include <fmt/format.h>

#include "headrace/transcoder.hpp"
#include "options.hpp"
#include "values.hpp"

namespace headrace::tool {

namespace {

Parsed<services::WhenSlow> parse_when_slow(std::string_view text) {
  if (text == "drop-oldest") return services::WhenSlow::drop_oldest;
  if (text == "disconnect") return services::WhenSlow::disconnect;
  return std::unexpected(fmt::format("'{}' is neither drop-oldest nor disconnect", text));
}

/// A size from `least` to 16 MiB.
auto size_from(std::uint64_t least) {
  return [least](std::string_view text) -> Parsed<std::uint64_t> {
    constexpr std::uint64_t kMost = std::uint64_t{16} << 20;
    auto size = parse_size(text);
    if (size && (*size < least || *size > kMost))
      return std::unexpected(fmt::format("'{}' is not from {} bytes to 16MiB", text, least));
    return size;
  };
}

Parsed<unsigned> parse_history(std::string_view text) {
  const auto count = parse_count(text, 0, 100'000);
  if (!count) return std::unexpected(count.error());
  return static_cast<unsigned>(*count);
}

}  // namespace

void add_chat_options(Options& options, ChatArguments& to) {
  const services::ChatOptions usual;
  options.add("--history", "N", to.history, parse_history,
              fmt::format("chat: lines of a room that who joins gets (default {})", usual.history));
  options.add("--slow", "POLICY", to.when_slow, parse_when_slow,
              "chat: who does not read: drop-oldest, disconnect (default drop-oldest)");
  options.add("--max-line", "SIZE", to.max_line, size_from(16),
              "chat: a longer line is refused (default 64KiB)");
  options.add("--outbox", "SIZE", to.outbox, size_from(1024),
              "chat: lines a room keeps for who is behind (default 256KiB)");
  options.add("--history-file", "FILE", to.history_file, as_it_is,
              "chat: keeps what was said for the next server (default none)");
}

namespace {

constexpr std::string_view kEncoding = "?encoding=";

}  // namespace

Parsed<std::string> parse_address_with_encoding(std::string_view text) {
  const std::size_t query = text.find(kEncoding);
  const auto address = parse_listen_address(text.substr(0, query));
  if (!address || query == text.npos) return address;
  const std::string_view name = text.substr(query + kEncoding.size());
  if (name.empty() || name.contains('/') || !Transcoder::open(name, "UTF-8"))
    return std::unexpected(
        fmt::format("no encoding is called '{}'; 'iconv -l' lists those there are", name));
  return std::string{text};
}

std::string ChatArguments::take_encodings(std::string_view service,
                                          std::vector<std::string>& listen) {
  for (std::string& text : listen) {
    const std::size_t query = text.find(kEncoding);
    if (query == text.npos) continue;
    if (service != "chat")
      return fmt::format("--listen: an encoding is for chat; {} has none", service);
    const auto address = Address::parse(std::string_view{text}.substr(0, query));
    if (!address->is_unix() && address->port() == 0)
      return "--listen: with an encoding the port must be given; 0 is any";
    encoding_names.push_back(text.substr(query + kEncoding.size()));
    encodings.push_back({.at = *address, .encoding = {}});
    text.resize(query);
  }
  for (std::size_t index = 0; index < encodings.size(); ++index)
    encodings[index].encoding = encoding_names[index];
  return "";
}

std::string ChatArguments::why_not(std::string_view service) const {
  if (service == "chat") {
    if (max_line.value_or(0) > outbox.value_or(services::ChatOptions{}.outbox))
      return "--max-line: one line would not fit into the outbox; give --outbox too";
    return history_file && history_file->empty() ? "--history-file: which file?" : "";
  }
  const char* const given = history        ? "--history"
                            : when_slow    ? "--slow"
                            : max_line     ? "--max-line"
                            : outbox       ? "--outbox"
                            : history_file ? "--history-file"
                                           : nullptr;
  if (given == nullptr) return "";
  return fmt::format("{} is for chat; {} has no such thing", given, service);
}

services::ChatOptions ChatArguments::options() const {
  services::ChatOptions options;
  options.history = history.value_or(options.history);
  options.when_slow = when_slow.value_or(options.when_slow);
  options.max_line = static_cast<std::size_t>(max_line.value_or(options.max_line));
  options.rate_limit = rate_limit.value_or(options.rate_limit);
  options.outbox = static_cast<std::size_t>(outbox.value_or(options.outbox));
  if (history_file) options.history_file = *history_file;
  options.encodings = encodings;
  return options;
}

}  // namespace headrace::tool
