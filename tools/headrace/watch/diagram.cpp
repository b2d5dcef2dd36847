// SPDX-License-Identifier: MIT
//
// Fixed places for eleven states and their arrows. An arrow's label is what causes it; its count
// stands beneath, or behind.
#include "watch/diagram.hpp"

#include <fmt/format.h>

#include "watch/words.hpp"

namespace headrace::watch {

namespace {

using enum TcpState;

struct Place {
  TcpState state;
  std::size_t column, row;
};
constexpr std::array kPlaces{Place{listen, 0, 0},       Place{syn_received, 21, 0},
                             Place{established, 47, 0}, Place{syn_sent, 71, 0},
                             Place{fin_wait_1, 4, 3},   Place{closing, 32, 3},
                             Place{close_wait, 66, 3},  Place{fin_wait_2, 4, 6},
                             Place{time_wait, 31, 6},   Place{last_ack, 67, 6}};

struct Arrow {
  TcpState from, to;
  std::size_t column, row;
  std::string_view drawn;
  std::size_t count_column, count_row, count_width;
};
constexpr std::array kArrows{
    Arrow{listen, syn_received, 7, 0, "──── SYN ───▶", 7, 1, 13},
    Arrow{syn_received, established, 34, 0, "─── ACK ──▶", 34, 1, 11},
    Arrow{syn_sent, established, 59, 0, "◀─SYN+ACK─", 59, 1, 10},
    Arrow{established, fin_wait_1, 9, 2, "┌──────────── close, send FIN ─────────┘", 49, 2, 5},
    Arrow{established, close_wait, 56, 2, "└─ get FIN ──┐", 71, 2, 5},
    Arrow{fin_wait_1, closing, 16, 3, "── get FIN ──▶", 16, 4, 14},
    Arrow{fin_wait_1, fin_wait_2, 9, 5, "▼ ACK", 15, 5, 5},
    Arrow{closing, time_wait, 35, 5, "▼ ACK", 41, 5, 5},
    Arrow{close_wait, last_ack, 70, 5, "▼ close", 64, 5, 5},
    Arrow{fin_wait_2, time_wait, 16, 6, "── get FIN ──▶", 16, 7, 14},
    Arrow{time_wait, closed, 41, 6, "─ 2MSL ─▶", 41, 7, 9},
    Arrow{last_ack, closed, 58, 6, "◀─ ACK ─", 58, 7, 8},
};
constexpr std::size_t kClosedColumn = 51;

void centre(Canvas& canvas, std::size_t column, std::size_t row, std::size_t width,
            std::string_view text, Style style) {
  const std::size_t margin = text.size() < width ? (width - text.size()) / 2 : 0;
  canvas.put(column + margin, row, text, style);
}

}  // namespace

std::uint64_t Steps::cut_short() const noexcept {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < kTcpStates; ++i) {
    const auto from = static_cast<TcpState>(i);
    if (from != closed && from != listen && from != last_ack && from != time_wait)
      sum += of(from, closed);
  }
  return sum;
}

Style style_of(TcpState state) noexcept {
  switch (state) {
    case established:
      return Style::good;
    case syn_sent:
    case syn_received:
      return Style::busy;
    case close_wait:
    case last_ack:
      return Style::warn;
    case closed:
    case time_wait:
      return Style::dim;
    default:
      return Style::plain;
  }
}

void draw_diagram(Canvas& canvas, std::size_t row, const Counts& counts, const Steps& steps,
                  const Steps& before) {
  for (const Arrow& arrow : kArrows) {
    const std::uint64_t taken = steps.of(arrow.from, arrow.to);
    const bool now = taken != before.of(arrow.from, arrow.to);
    canvas.put(arrow.column, row + arrow.row, arrow.drawn, now ? Style::busy : Style::dim);
    if (taken != 0)
      centre(canvas, arrow.count_column, row + arrow.count_row, arrow.count_width,
             short_count(taken), now ? Style::busy : Style::plain);
  }
  for (const Place& place : kPlaces) {
    const std::string_view name = to_text(place.state);
    const std::uint32_t count = counts.at(static_cast<std::size_t>(place.state));
    const Style style = count == 0 ? Style::plain : style_of(place.state);
    canvas.put(place.column, row + place.row, name, style == Style::dim ? Style::plain : style);
    centre(canvas, place.column, row + place.row + 1, name.size(), fmt::format("{}", count),
           count == 0 ? Style::dim : Style::strong);
  }
  canvas.put(kClosedColumn, row + 6, "CLOSED");
  if (const std::uint64_t cut = steps.cut_short(); cut != 0)
    canvas.put(44, row + 4, fmt::format("RST, time limits: {}", short_count(cut)), Style::warn);
}

void draw_counts(Canvas& canvas, std::size_t row, const Counts& counts) {
  std::size_t column = 0;
  for (std::size_t i = 0; i < kTcpStates; ++i) {
    if (counts.at(i) == 0) continue;
    const auto state = static_cast<TcpState>(i);
    column = canvas.put(column, row, to_text(state), style_of(state));
    column = canvas.put(column + 1, row, fmt::format("{}", counts.at(i)), Style::strong) + 2;
  }
  if (column == 0) canvas.put(0, row, "no such sockets", Style::dim);
}

}  // namespace headrace::watch
