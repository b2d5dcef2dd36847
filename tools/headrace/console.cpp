// SPDX-License-Identifier: MIT
//
// Bytes come in pieces that end anywhere: within a line, within a character. Both are put together
// again before they are shown.
#include "console.hpp"

#include <algorithm>

#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "escape.hpp"

namespace headrace::tool {

namespace {

// How many bytes at the end begin a UTF-8 character that is not all there.
std::size_t unfinished_bytes(std::string_view bytes) noexcept {
  for (std::size_t back = 1; back <= std::min<std::size_t>(3, bytes.size()); ++back) {
    const auto byte = static_cast<unsigned char>(bytes[bytes.size() - back]);
    if ((byte & 0xC0U) == 0x80U) continue;  // not the first byte of its character
    const std::size_t whole = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
    return whole > back ? back : 0;
  }
  return 0;
}

LineEscaper::Pieces pieces_for(int descriptor) noexcept {
  return ::isatty(descriptor) != 0 ? LineEscaper::Pieces::ended : LineEscaper::Pieces::joined;
}

}  // namespace

std::string_view LineEscaper::escape(std::string_view bytes) {
  shown_.clear();
  std::string all = std::move(kept_);
  all += bytes;
  const std::size_t whole = all.size() - unfinished_bytes(all);
  kept_ = all.substr(whole);
  append(std::string_view{all}.substr(0, whole));
  if (within_line_ && pieces_ == Pieces::ended) append("\n");
  return shown_;
}

std::string_view LineEscaper::finish() {
  shown_.clear();
  append(std::exchange(kept_, {}));
  if (within_line_) append("\n");
  return shown_;
}

void LineEscaper::append(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t newline = bytes.find('\n');
    shown_ += escaped(bytes.substr(0, newline));
    within_line_ = newline == std::string_view::npos;
    if (within_line_) return;
    shown_ += '\n';
    bytes.remove_prefix(newline + 1);
  }
}

Console::Console(Stopper& stopper, Log& log, LogFormat format)
    : Operator{STDIN_FILENO, STDOUT_FILENO, &stopper},
      log_{log},
      format_{format},
      escaper_{pieces_for(STDOUT_FILENO)} {}

ByteView Console::shown(ByteView bytes) { return bytes_of(escaper_.escape(text_of(bytes))); }

ByteView Console::parting() { return bytes_of(escaper_.finish()); }

void Console::input_ended() noexcept {
  log_.say(Level::info, [this]() -> std::string {
    if (format_ == LogFormat::text)
      return "end of input: nothing more is sent; the server stops when this client has left";
    return nlohmann::ordered_json{
        {"time", now_as_iso8601()}, {"level", to_text(Level::info)}, {"event", "input_ended"}}
        .dump();
  });
}

}  // namespace headrace::tool
