// SPDX-License-Identifier: MIT
//
// The screen from top to bottom: title, diagram (or only counts, where there is no room),
// listeners, connections, events where there is room for them, keys.
#include "watch/view.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "units.hpp"
#include "watch/words.hpp"

namespace headrace::watch {

namespace {

constexpr std::size_t kRowsForDiagram = 20;
constexpr std::size_t kColumnsForEvents = 132;  // beside the diagram
constexpr std::size_t kRowsForEvents = 38;      // beneath the connections
constexpr std::size_t kEventRows = 8;
constexpr std::size_t kMostEvents = 64;

constexpr std::array<std::string_view, 15> kHelp{
    "q         quit",
    "space     pause, go on",
    "s         sort by the next: state, age, queues, retransmits, rtt, timer,",
    "          owner, address",
    "r         the other way round",
    "/         filter: :7788  host:port  pid 812  state time-wait; empty: all",
    "arrows, PgUp, PgDn, Home, End: scroll",
    "",
    "AGE       in this state; '>', or dimmed: at least, it was so when first seen",
    "TIMER     rtx: sent again; keep: keepalive; 2msl: TIME-WAIT's end;",
    "          probe: of a closed window",
    "RETR      segments sent again (RE where it is narrow)",
    "OWNER     process that holds the socket; in parentheses: that held it last",
    "ACCEPT-Q  connections that wait for accept; above BACKLOG, new ones are dropped",
    "numbers at arrows: how often they were taken since the start"};

// Not more exact than it is kept.
std::string interval_text(std::chrono::nanoseconds interval) {
  using namespace std::chrono;
  if (interval < 1s) return tool::written(duration_cast<milliseconds>(interval));
  const auto tenths = duration_cast<milliseconds>(interval).count() / 100;
  return tenths % 10 == 0 ? fmt::format("{}s", tenths / 10)
                          : fmt::format("{}.{}s", tenths / 10, tenths % 10);
}

bool tells_loss(std::string_view sources) {
  return sources.find("LOST") != sources.npos || sources.find("OVERRUN") != sources.npos;
}

}  // namespace

void View::take(const TcpSnapshot& snapshot) {
  counts_ = snapshot.count;
  consistent_ = snapshot.consistent;
  first = std::min(first, table.kept() > 0 ? table.kept() - 1 : 0);
}

void View::take(const TcpEvent& event) {
  if (event.passed_over)
    ++unseen_;
  else
    steps_.add(event.from, event.to);
  if (!event.legal) ++illegal_;
  events_.push_front(event_line(event));
  if (events_.size() > kMostEvents) events_.pop_back();
}

void View::forget() {
  steps_ = before_ = {};
  events_.clear();
  illegal_ = unseen_ = 0;
  first = 0;
}

void View::draw_title(Canvas& canvas) const {
  canvas.paint(0, Style::heading);
  std::string text = fmt::format(" headrace watch{}{}", filter.empty() ? "" : " ", filter);
  text += fmt::format("   {}", tool::counted(table.connections() + table.listeners(), "socket"));
  text += fmt::format("   every {}{}", interval_text(interval), backs_off ? " (backing off)" : "");
  if (paused) text += "   PAUSED";
  canvas.put_field(0, 0, canvas.columns(), text, Style::heading);
  if (text.size() + place.size() + 3 < canvas.columns())
    canvas.put_right(0, 0, canvas.columns() - 1, place, Style::heading);
}

void View::draw_events(Canvas& canvas, std::size_t column, std::size_t row,
                       std::size_t rows) const {
  std::string heading = "EVENTS";
  if (unseen_ != 0) heading += fmt::format("  {} not seen step by step", short_count(unseen_));
  canvas.put(column, row, heading, Style::strong);
  if (illegal_ != 0)
    canvas.put(column + heading.size() + 2, row, fmt::format("{} ILLEGAL", illegal_), Style::bad);
  for (std::size_t i = 0; i + 1 < rows && i < events_.size(); ++i)
    canvas.put_field(column, row + 1 + i, canvas.columns() - column, events_[i],
                     events_[i].ends_with("such way") ? Style::bad : Style::plain);
}

void View::draw_footer(Canvas& canvas) const {
  const std::size_t row = canvas.rows() - 1;
  if (asking) {
    canvas.put_field(0, row, canvas.columns(), "filter: " + prompt + "_", Style::strong);
    return;
  }
  if (!message.empty()) {
    canvas.put_field(0, row, canvas.columns(), message, Style::bad);
    return;
  }
  const bool lost = tells_loss(sources) || !consistent_;
  const std::string state = (consistent_ ? "" : "table changed while read; ") + sources;
  std::string keys = fmt::format("q quit  space pause  s sort: {}{}  r reverse  / filter  ? help",
                                 to_text(table.order()), table.is_reversed() ? " reversed" : "");
  if (lost && keys.size() + 2 + state.size() > canvas.columns()) keys = "q quit  ? help";
  canvas.put_field(0, row, canvas.columns(), keys, Style::dim);
  const std::size_t room = canvas.columns() - std::min(keys.size() + 2, canvas.columns());
  if (lost || state.size() <= room)
    canvas.put_right(canvas.columns() - room, row, room, state, lost ? Style::bad : Style::dim);
}

void View::draw_help(Canvas& canvas) const {
  for (std::size_t i = 0; i < kHelp.size(); ++i)
    canvas.put_field(1, 2 + i, canvas.columns() - 1, kHelp.at(i));
  canvas.put_field(1, 3 + kHelp.size(), canvas.columns() - 1, "Sources: " + sources, Style::dim);
}

Canvas View::draw(std::size_t columns, std::size_t rows, std::chrono::nanoseconds later) const {
  Canvas canvas{std::max<std::size_t>(columns, 1), std::max<std::size_t>(rows, 1)};
  draw_title(canvas);
  if (rows < 4) return canvas;
  draw_footer(canvas);
  if (help) {
    draw_help(canvas);
    return canvas;
  }
  std::size_t row = 1;
  const std::size_t last = rows - 1;  // the footer's
  const bool with_diagram = rows >= kRowsForDiagram && columns >= kDiagramColumns;
  if (with_diagram) {
    draw_diagram(canvas, row, counts_, steps_, before_);
    if (columns >= kColumnsForEvents) draw_events(canvas, kDiagramColumns + 3, row, kDiagramRows);
    row += kDiagramRows;
  } else {
    draw_counts(canvas, row++, counts_);
  }
  if (table.listeners() != 0) {
    // More than a sixth where the connections leave room.
    const std::size_t wanted = std::max<std::size_t>(4, table.kept() + 1);
    const std::size_t left = last > row + wanted ? last - row - wanted : 0;
    const std::size_t room = std::max({std::size_t{3}, rows / 6, left});
    const std::size_t taken = std::min(table.listeners() + 1, room);
    if (row + taken + 3 < last) {
      table.draw_listeners(canvas, row, taken);
      row += taken;
    }
  }
  std::size_t end = last;
  if (rows >= kRowsForEvents && columns < kColumnsForEvents && last - row > 2 * kEventRows) {
    end -= kEventRows;
    draw_events(canvas, 0, end, kEventRows);
  }
  page_ = end > row + 1 ? end - row - 1 : 1;
  table.draw_connections(canvas, row, end - row, first, later);
  return canvas;
}

}  // namespace headrace::watch
