// SPDX-License-Identifier: MIT
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "watch/canvas.hpp"
#include "watch/diagram.hpp"
#include "watch/filter.hpp"
#include "watch/table.hpp"
#include "watch/words.hpp"

namespace headrace::watch {
namespace {

using namespace std::chrono_literals;

TEST(WatchWords, ATimeHasItsUnitAndFitsFiveColumns) {
  EXPECT_EQ(short_time(0us), "0us");
  EXPECT_EQ(short_time(999us), "999us");
  EXPECT_EQ(short_time(1900us), "1.9ms");
  EXPECT_EQ(short_time(999ms), "999ms");
  EXPECT_EQ(short_time(1852ms), "1.85s");  // ss(8) says 1.852ms
  EXPECT_EQ(short_time(59900ms), "59.9s");
  EXPECT_EQ(short_time(125s), "2m05s");
  EXPECT_EQ(short_time(59min), "59m");
  EXPECT_EQ(short_time(2h), "2h");
  EXPECT_EQ(short_time(24h * 99), "99d");
}

TEST(WatchWords, ACountFitsFourColumns) {
  EXPECT_EQ(short_count(999), "999");
  EXPECT_EQ(short_count(1024), "1.0K");
  EXPECT_EQ(short_count(5000), "4.8K");
  EXPECT_EQ(short_count(100'000), "97K");
  for (std::uint64_t number = 1; number < (1ULL << 62U); number *= 3)
    EXPECT_LE(short_count(number).size(), 4U) << number;
}

TcpSighting sighting(TcpState state) {
  TcpSighting row;
  row.socket.state = state;
  row.socket.local.port = 7788;
  return row;
}

TEST(WatchWords, ATimerCountsDownAndStopsAtZero) {
  TcpSocket socket;
  socket.timer = TcpTimer::time_wait;
  socket.timer_remaining = 58'120ms;
  EXPECT_EQ(timer_text(socket), "time-wait 58.1s");
  EXPECT_EQ(short_timer(socket, 1s), "2msl 57s");
  EXPECT_EQ(short_timer(socket, 60s), "2msl now");
  socket.timer = TcpTimer::retransmit;
  socket.timer_remaining = 1852ms;
  socket.tries = 3;
  EXPECT_EQ(timer_text(socket), "retransmit 1.85s (3rd)");
  EXPECT_EQ(short_timer(socket, 0s), "rtx 1.8s");
}

TEST(WatchWords, JsonHasWhatIsDocumented) {
  TcpSighting row = sighting(TcpState::time_wait);
  row.socket.timer = TcpTimer::time_wait;
  row.socket.timer_remaining = 1852ms;
  row.socket.owner.pid = 812;
  std::string{"ng\"inx"}.copy(row.socket.owner.text.data(), 15);
  const auto object = nlohmann::json::parse(row_json(row, 42));
  EXPECT_EQ(object["state"], "TIME-WAIT");
  EXPECT_EQ(object["timer"]["kind"], "time-wait");
  EXPECT_EQ(object["timer"]["remaining_ms"], 1852);
  EXPECT_EQ(object["owner"]["pid"], 812);
  EXPECT_EQ(object["owner"]["name"], "ng\"inx");
  EXPECT_EQ(object["owner"]["holds_it"], false);
  EXPECT_EQ(object["network_namespace"], 42);
  row.socket.state = TcpState::listen;
  EXPECT_EQ(nlohmann::json::parse(row_json(row, 0))["backlog"], 0);
}

// Filters as typed.

TEST(WatchFilter, ReadsWhatTheHelpSays) {
  const auto read = [](std::vector<std::string> words) { return parse_filter(words).value(); };
  EXPECT_EQ(read({}).port, 0);
  EXPECT_EQ(read({":7788"}).port, 7788);
  EXPECT_EQ(read({"7788"}).port, 7788);
  EXPECT_EQ(read({"pid", "812"}).pid, 812);
  EXPECT_EQ(read({"pid 812 :80"}).port, 80);
  EXPECT_EQ(read({"127.0.0.1:7788"}).host_count, 1);
  EXPECT_EQ(read({"[::1]:7788"}).host_count, 1);
  EXPECT_EQ(read({"127.0.0.1:*"}).port, 0);
  EXPECT_EQ(read({"*:7788"}).host_count, 0);
  const TcpFilter states = read({"state", "time-wait,LISTEN", "", "state", "syn_recv"});
  EXPECT_TRUE(states.has_state(TcpState::time_wait) && states.has_state(TcpState::listen) &&
              states.has_state(TcpState::syn_received));
  EXPECT_FALSE(states.has_state(TcpState::established));
}

TEST(WatchFilter, SaysWhatIsWrong) {
  const auto wrong = [](std::vector<std::string> words) {
    const auto filter = parse_filter(words);
    return filter ? "" : filter.error();
  };
  EXPECT_NE(wrong({"state", "wait"}).find("did you mean"), std::string::npos);
  EXPECT_NE(wrong({"state"}).find("needs a value"), std::string::npos);
  EXPECT_NE(wrong({"state", ","}), "");
  EXPECT_NE(wrong({"pid", "0"}), "");
  EXPECT_NE(wrong({":70000"}), "");
  EXPECT_NE(wrong({"nonsense"}).find("Write :7788"), std::string::npos);
  EXPECT_NE(wrong({"unix:/tmp/x"}).find("not TCP"), std::string::npos);
  EXPECT_NE(wrong({":1", ":2"}).find("one address"), std::string::npos);
}

// The canvas.

TEST(Canvas, WhatDoesNotFitIsLeftOut) {
  Canvas canvas{5, 2};
  canvas.put(3, 0, "abc");
  canvas.put(0, 5, "beyond");
  canvas.put_field(0, 1, 4, "▶toolong");
  EXPECT_EQ(canvas.frame({.colour = false, .lines = true}), "\x1b[H   ab\r\n▶to…\x1b[K");
  EXPECT_EQ(canvas.frame({.colour = false, .lines = false}), "\x1b[H   ab\r\n>to~\x1b[K");
}

TEST(Canvas, StylesAreWrittenOnlyInColour) {
  Canvas canvas{3, 1};
  canvas.put(0, 0, "abc", Style::bad);
  EXPECT_EQ(canvas.frame({.colour = true, .lines = true}), "\x1b[H\x1b[0;31mabc\x1b[0m");
  EXPECT_EQ(canvas.frame({.colour = false, .lines = true}), "\x1b[Habc");
}

TEST(Diagram, ShowsEveryStateAndItsCountOn79Columns) {
  Canvas canvas{kDiagramColumns, kDiagramRows};
  Counts counts{};
  for (std::size_t i = 0; i < counts.size(); ++i)
    counts.at(i) = static_cast<std::uint32_t>(1000 + i);
  draw_diagram(canvas, 0, counts, {}, {});
  const std::string shown = canvas.frame({.colour = false, .lines = true});
  for (std::size_t i = 0; i < kTcpStates; ++i) {
    EXPECT_NE(shown.find(to_text(static_cast<TcpState>(i))), std::string::npos);
    if (static_cast<TcpState>(i) == TcpState::closed) continue;
    EXPECT_NE(shown.find(std::to_string(1000 + i)), std::string::npos) << i;
  }
}

TEST(Table, KeepsTheFirstOfManyInTheChosenOrder) {
  Table table;
  table.set_order(Order::retransmits, false);
  table.begin();
  for (std::uint32_t i = 0; i < 10'000; ++i) {
    TcpSighting row = sighting(TcpState::established);
    row.socket.details = TcpDetails{};
    row.socket.details->retransmits = i * 7919 % 997;
    table.add(row);
  }
  table.end();
  EXPECT_EQ(table.connections(), 10'000U);
  EXPECT_LE(table.kept(), 2000U);
  Canvas canvas{160, 2};
  table.draw_connections(canvas, 0, 2, 0, {});
  EXPECT_NE(canvas.frame({.colour = false, .lines = true}).find(" 996 "), std::string::npos);
}

}  // namespace
}  // namespace headrace::watch
