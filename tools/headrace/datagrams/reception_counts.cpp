// SPDX-License-Identifier: MIT
//
// Counting, and saying only what there is to say: a run without a loss has no line about losses.
#include "datagrams/reception_counts.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "log.hpp"
#include "units.hpp"

namespace headrace::tool {

namespace {

std::string on_numbers(const RunTotals& totals) {
  std::string line =
      fmt::format("numbered: {} came in {}: {} lost, {} repeated, {} late", totals.came,
                  counted(totals.runs, "run"), totals.lost, totals.repeated, totals.late);
  if (totals.unseen > 0) line += fmt::format("; {} at the end did not come", totals.unseen);
  return line;
}

void append(std::string& remarks, const std::string& remark) {
  if (!remarks.empty()) remarks += "; ";
  remarks += remark;
}

}  // namespace

void ReceptionCounts::note(Arrival& arrival, std::uint64_t dropped_so_far) {
  ++datagrams_;
  bytes_ += arrival.bytes.size();
  cut_ += arrival.is_cut() ? 1 : 0;
  arrival.dropped = dropped_so_far - dropped_;
  dropped_ = dropped_so_far;
  arrival.number = number_of(arrival.bytes);
  if (arrival.number)
    arrival.turn = runs_.note(text_of_sender(arrival.sender), arrival.number->number);
}

std::string ReceptionCounts::as_text(std::uint64_t dropped, Clock::duration lasted) const {
  std::string lines = fmt::format("received {}, {}, in {}", counted(datagrams_, "datagram"),
                                  counted(bytes_, "byte"), spoken(lasted));
  if (cut_ > 0) lines += fmt::format("\n{} cut: longer than --buffer", cut_);
  if (dropped > 0)
    lines += fmt::format("\nthe kernel dropped {}: its buffer was full; see --kernel-buffer",
                         counted(dropped, "datagram"));
  const RunTotals totals = runs_.totals();
  if (totals.runs > 0) lines += '\n' + on_numbers(totals);
  return lines;
}

std::string ReceptionCounts::as_json(std::uint64_t dropped, Clock::duration lasted) const {
  const RunTotals totals = runs_.totals();
  return nlohmann::ordered_json{{"time", now_as_iso8601()},
                                {"level", to_text(Level::info)},
                                {"event", "summary"},
                                {"datagrams", datagrams_},
                                {"bytes", bytes_},
                                {"seconds", std::chrono::duration<double>{lasted}.count()},
                                {"cut", cut_},
                                {"dropped", dropped},
                                {"numbered",
                                 {{"runs", totals.runs},
                                  {"came", totals.came},
                                  {"lost", totals.lost},
                                  {"repeated", totals.repeated},
                                  {"late", totals.late},
                                  {"unseen", totals.unseen}}}}
      .dump();
}

std::string remark_on(const Arrival& arrival) {
  std::string remarks;
  if (arrival.is_cut()) append(remarks, "cut: " + text_of_size(arrival));
  if (arrival.dropped > 0)
    append(remarks, fmt::format("the kernel dropped {}", counted(arrival.dropped, "datagram")));
  if (arrival.number) {
    const std::string name = to_text(arrival.number->number);
    if (arrival.turn.missing > 0)
      append(remarks, fmt::format("{} missing before {}", arrival.turn.missing, name));
    if (arrival.turn.order == Turn::Order::late) append(remarks, name + " came late");
    if (arrival.turn.order == Turn::Order::again) append(remarks, name + " came again");
  }
  if (remarks.empty()) return remarks;
  return text_of_sender(arrival.sender) + ": " + remarks;
}

}  // namespace headrace::tool
