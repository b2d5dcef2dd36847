// SPDX-License-Identifier: MIT
//
// Ladders as one SVG picture: lifelines with a bar in the colour of the state that the side is in,
// slanted arrows, time on the left. Needs no other file; its colours follow the reader's choice of
// light or dark. No script, no font but the system's.
#include <array>

#include <fmt/format.h>

#include "watch/conversation_printer.hpp"

namespace headrace::watch {

namespace {

using namespace tcp_state;

constexpr int kWidth = 800, kLeftLine = 240, kRightLine = 580;
constexpr int kStep = 38, kSmallStep = 17, kSlant = 9, kHeadStep = 74, kFootStep = 46;

constexpr std::string_view kStyle = R"(<style>
  text { font: 13px system-ui, sans-serif; fill: #1f2430; }
  .title { font-weight: 600; font-size: 14px; }
  .end, .time { font: 12px ui-monospace, monospace; }
  .time, .remark { fill: #5b6475; }
  .remark { font-style: italic; font-size: 12px; }
  .state { font: 600 12px ui-monospace, monospace; }
  .back { fill: #ffffff; }
  .line { stroke: #8a93a6; stroke-width: 1.5; fill: none; }
  .arrow { stroke: #1f2430; stroke-width: 1.5; fill: none; }
  .head { fill: #1f2430; }
  .rst .arrow { stroke: #d03b3b; } .rst .head { fill: #d03b3b; }
  .again .arrow { stroke-dasharray: 6 4; }
  .opening { fill: #d99a1c; } .established { fill: #2f9e5f; } .closing { fill: #3f86d8; }
  .time-wait { fill: #a065cf; } .closed { fill: #d03b3b; } .listen { fill: #8a93a6; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6e9f0; } .time, .remark { fill: #a3adc0; } .back { fill: #15181f; }
    .line { stroke: #6b7488; } .arrow { stroke: #e6e9f0; } .head { fill: #e6e9f0; }
    .rst .arrow { stroke: #ff6b6b; } .rst .head { fill: #ff6b6b; }
    .opening { fill: #f0b848; } .established { fill: #4cc585; } .closing { fill: #6bb0ff; }
    .time-wait { fill: #c595f0; } .closed { fill: #ff6b6b; } .listen { fill: #a3adc0; }
  }
</style>
)";

std::string_view class_of(TcpState state) {
  switch (state) {
    case TcpState::syn_sent:
    case TcpState::syn_received:
      return "opening";
    case TcpState::established:
      return "established";
    case TcpState::time_wait:
      return "time-wait";
    case TcpState::closed:
      return "closed";
    case TcpState::listen:
      return "listen";
    default:
      return "closing";
  }
}

int line_of(Side side) { return side == Side::left ? kLeftLine : kRightLine; }

std::string escaped_for_xml(std::string_view text) {
  std::string safe;
  for (const char c : text) {
    if (c == '&')
      safe += "&amp;";
    else if (c == '<')
      safe += "&lt;";
    else
      safe += c;
  }
  return safe;
}

// Draws one ladder from the height that it is given downwards.
class SvgLadder {
 public:
  explicit SvgLadder(int top) : y_{top} {}

  std::string draw(const DrawingPrinter::Drawn& drawn) {
    head(drawn.conversation);
    const int top = y_;
    for (const LadderRow& one : drawn.ladder.rows()) row(drawn.conversation, one);
    fold(drawn.ladder.rest());
    y_ += 10;
    for (const Side side : {Side::left, Side::right}) bar_until(side, y_);
    put("<text x='{}' y='{}' text-anchor='middle'>{}</text>\n", (kLeftLine + kRightLine) / 2,
        y_ + 24, escaped_for_xml(outcome_of(drawn.conversation)));
    const std::string lines = fmt::format("<path class='line' d='M{0} {2}V{3}M{1} {2}V{3}'/>\n",
                                          kLeftLine, kRightLine, top - 8, y_);
    y_ += kFootStep;
    return head_ + lines + bars_ + body_;
  }
  [[nodiscard]] int bottom() const noexcept { return y_; }

 private:
  template <class... Values>
  void put(fmt::format_string<Values...> text, Values&&... values) {
    body_ += fmt::format(text, std::forward<Values>(values)...);
  }

  void head(const Conversation& conversation) {
    put("<text class='title' x='16' y='{}'>Connection {}{}</text>\n", y_ + 24, conversation.number,
        conversation.seen_from_start ? "" : ", open before: its states are a guess");
    for (const Side side : {Side::left, Side::right})
      put("<text class='end' x='{}' y='{}' text-anchor='middle'>{}</text>\n", line_of(side),
          y_ + 50, TcpEndpointText{conversation.end(side)}.view());
    head_ = std::exchange(body_, {});
    y_ += kHeadStep;
  }

  void enter(const StateChange& change, int y) {
    bar_until(change.side, y);
    Bar& bar = bars_of_[index_of(change.side)];
    bar = {.state = change.to, .from = y};
    const bool left = change.side == Side::left;
    put("<text class='state {}' x='{}' y='{}' text-anchor='{}'>{}</text>\n", class_of(change.to),
        line_of(change.side) + (left ? -12 : 12), y + 4, left ? "end" : "start",
        to_text(change.to));
  }

  void bar_until(Side side, int y) {
    Bar& bar = bars_of_[index_of(side)];
    if (bar.state && *bar.state != TcpState::closed)
      bars_ += fmt::format("<rect class='{}' x='{}' y='{}' width='8' height='{}' rx='2'/>\n",
                           class_of(*bar.state), line_of(side) - 4, bar.from, y - bar.from);
    bar.from = y;
  }

  void row(const Conversation& conversation, const LadderRow& one) {
    const Rung& rung = one.rung;
    fold(one.folded);
    const auto before = rung.changes().first(rung.before);
    for (std::size_t i = 0; i < before.size(); ++i) {
      enter(before[i], y_);
      if (i + 1 < before.size()) y_ += kSmallStep;
    }
    put("<text class='time' x='16' y='{}'>{}</text>\n", y_ + 4, time_of(conversation, rung));
    arrow(rung);
    int state_y = y_ + kSlant;
    for (const StateChange& change : rung.changes().subspan(rung.before)) {
      enter(change, state_y);
      state_y += kSmallStep;
    }
    int remark_y = y_ + kSlant + 15;
    for (const std::string& remark : remarks_on(rung)) {
      put("<text class='remark' x='{}' y='{}' text-anchor='middle'>{}</text>\n",
          (kLeftLine + kRightLine) / 2, remark_y, escaped_for_xml(remark));
      remark_y += kSmallStep;
    }
    y_ = std::max({y_ + kStep, state_y + kStep - kSlant - kSmallStep, remark_y + kStep - 24});
  }

  void arrow(const Rung& rung) {
    const int direction = rung.from == Side::left ? 1 : -1;
    const int from = line_of(rung.from) + 6 * direction;
    const int to = line_of(other(rung.from)) - 6 * direction;
    const int tip = y_ + kSlant;
    put("<g class='{} {}'><path class='arrow' d='M{} {}L{} {}'/>", rung.has(kRst) ? "rst" : "",
        (rung.remarks & kRetransmission) != 0 ? "again" : "", from, y_, to, tip);
    put("<path class='head' d='M{} {}l{} -5l0 10z'/></g>\n", to, tip, -10 * direction);
    put("<text x='{}' y='{}' text-anchor='middle'>{}</text>\n", (kLeftLine + kRightLine) / 2,
        y_ - 2, label_of(rung));
  }

  void fold(const Folded& folded) {
    if (folded.segments == 0) return;
    put("<text class='remark' x='{}' y='{}' text-anchor='middle'>{}</text>\n",
        (kLeftLine + kRightLine) / 2, y_, to_text(folded));
    y_ += kStep;
  }

  struct Bar {
    std::optional<TcpState> state;
    int from = 0;
  };
  int y_;
  std::string head_, bars_, body_;
  std::array<Bar, 2> bars_of_;
};

}  // namespace

std::string to_svg(const DrawingPrinter::All& all) {
  std::string body;
  int bottom = 0;
  for (const auto& [number, drawn] : all) {
    SvgLadder ladder{bottom};
    body += ladder.draw(drawn);
    bottom = ladder.bottom();
  }
  if (all.empty()) {
    body = "<text x='16' y='30'>No connection was seen.</text>\n";
    bottom = 50;
  }
  return fmt::format(
             "<svg xmlns='http://www.w3.org/2000/svg' width='{0}' height='{1}' viewBox='0 0 {0} "
             "{1}' role='img'>\n<title>TCP connections, segment by segment</title>\n",
             kWidth, bottom) +
         std::string{kStyle} +
         fmt::format("<rect class='back' width='{}' height='{}'/>\n", kWidth, bottom) + body +
         "</svg>\n";
}

}  // namespace headrace::watch
