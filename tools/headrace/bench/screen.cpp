// SPDX-License-Identifier: MIT
//
// The few control sequences every terminal since the VT100 knows: cursor up, erase below, bold.
#include "bench/screen.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "escape.hpp"
#include "log.hpp"

namespace headrace::bench {

namespace {

constexpr std::string_view kBold = "\x1b[1m", kPlain = "\x1b[0m", kEraseBelow = "\x1b[J";

bool is_terminal(int descriptor) {
  const char* const kind = std::getenv("TERM");
  return ::isatty(descriptor) == 1 && kind != nullptr && std::string_view{kind} != "dumb";
}

// Whether blocks can be shown: not where the language is said to be plain C.
bool has_blocks() {
  for (const char* const name : {"LC_ALL", "LC_CTYPE", "LANG"})
    if (const char* const value = std::getenv(name); value != nullptr && *value != '\0')
      return std::string_view{value} != "C" && std::string_view{value} != "POSIX";
  return true;
}

winsize size_of_stderr() noexcept {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) {
    size.ws_col = 80;
    size.ws_row = 24;
  }
  return size;
}

// A terminal that takes nothing (Ctrl-S) is not waited for: better a torn picture than a load that
// cannot end.
void write_to_stderr(std::string_view text) {
  while (!text.empty()) {
    pollfd entry{.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
    if (::poll(&entry, 1, 100) == 0) return;
    const ssize_t count = ::write(STDERR_FILENO, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
}

}  // namespace

Screen::Screen() : there_{is_terminal(STDERR_FILENO)}, colour_{tool::wants_colour(STDERR_FILENO)} {}

std::size_t Screen::columns() const noexcept { return size_of_stderr().ws_col; }

void Screen::draw(const std::vector<std::string>& lines) {
  if (!there_) return;
  const winsize size = size_of_stderr();
  const std::size_t most = std::max<std::size_t>(size.ws_row, 2) - 1;
  std::string text = drawn_ > 0 ? fmt::format("\x1b[{}A\r", drawn_) : "";
  drawn_ = std::min(lines.size(), most);
  for (std::size_t line = 0; line < drawn_; ++line) {
    const bool stands_out = colour_ && line == 0;
    // The last column stays empty: some terminals begin a new line there.
    text +=
        fmt::format("{}{}{}\x1b[K\n", stands_out ? kBold : "",
                    tool::escaped_line(lines[line], size.ws_col - 1U), stands_out ? kPlain : "");
  }
  write_to_stderr(text += kEraseBelow);
}

void Screen::clear() {
  if (!there_ || drawn_ == 0) return;
  write_to_stderr(fmt::format("\x1b[{}A\r{}", drawn_, kEraseBelow));
  drawn_ = 0;
}

void Screen::say(std::string_view line) {
  write_to_stderr(fmt::format("headrace: {}\n", tool::escaped(line)));
}

std::size_t width_of(std::string_view text) noexcept {
  std::size_t columns = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto lead = static_cast<unsigned char>(text[at]);
    const std::size_t size = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    char32_t character = size == 1 ? lead : lead & (0x7FU >> size);
    for (std::size_t i = 1; i < size && at + i < text.size(); ++i)
      character = character << 6 | (static_cast<unsigned char>(text[at + i]) & 0x3FU);
    columns += tool::display_width(character);
    at += size;
  }
  return columns;
}

std::string padded(std::string_view text, std::size_t columns) {
  std::string shown = tool::escaped_line(text, columns);
  const std::size_t width = width_of(shown);
  return shown.append(columns - std::min(columns, width), ' ');
}

std::string bar(double share, std::size_t columns) {
  const auto full =
      static_cast<std::size_t>(std::clamp(share, 0.0, 1.0) * static_cast<double>(columns) + 0.5);
  std::string text;
  for (std::size_t column = 0; column < full; ++column) text += has_blocks() ? "█" : "#";
  return text.append(columns - full, ' ');
}

std::string sparkline(std::span<const double> values, std::size_t columns) {
  constexpr std::array<std::string_view, 8> kBlocks = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  constexpr std::array<std::string_view, 8> kLetters = {"_", ".", ":", "-", "=", "+", "*", "#"};
  const auto& steps = has_blocks() ? kBlocks : kLetters;
  if (values.size() > columns) values = values.last(columns);
  const double highest = values.empty() ? 0 : *std::ranges::max_element(values);
  std::string text;
  for (const double value : values) {
    const double share = highest > 0 ? value / highest : 0;
    text += steps[std::min<std::size_t>(static_cast<std::size_t>(share * 8), 7)];
  }
  return text;
}

}  // namespace headrace::bench
