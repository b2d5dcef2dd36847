// SPDX-License-Identifier: MIT
#include "headrace/tcp_state.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tcp_state/trace_line.hpp"

namespace headrace {
namespace {

using enum TcpState;

std::vector<TcpState> all_states() {
  std::vector<TcpState> states;
  for (std::size_t i = 0; i < kTcpStates; ++i) states.push_back(static_cast<TcpState>(i));
  return states;
}

TEST(TcpState, NamesAreThoseOfTheRfcAndReadBack) {
  EXPECT_EQ(to_text(syn_received), "SYN-RECEIVED");
  EXPECT_EQ(to_text(fin_wait_1), "FIN-WAIT-1");
  EXPECT_EQ(to_text(time_wait), "TIME-WAIT");
  for (const TcpState state : all_states()) EXPECT_EQ(find_tcp_state(to_text(state)), state);
}

TEST(TcpState, OtherToolsNamesAreKnownToo) {
  EXPECT_EQ(find_tcp_state("time_wait"), time_wait);
  EXPECT_EQ(find_tcp_state("TimeWait"), time_wait);
  EXPECT_EQ(find_tcp_state("syn_recv"), syn_received);
  EXPECT_EQ(find_tcp_state("FIN_WAIT1"), fin_wait_1);
  EXPECT_EQ(find_tcp_state("estab"), established);
  EXPECT_EQ(find_tcp_state("CLOSE"), closed);
  for (const char* const no_state : {"", "-", "close-", "close-waiting", "time", "established2"})
    EXPECT_EQ(find_tcp_state(no_state).has_value(), std::string_view{no_state} == "close-")
        << no_state;
}

// Figure 5 of RFC 9293, arrow by arrow.
TEST(TcpState, EveryArrowOfTheFigureIsLegal) {
  const std::vector<std::pair<TcpState, TcpState>> figure{
      {closed, listen},           {closed, syn_sent},       {listen, syn_received},
      {listen, syn_sent},         {listen, closed},         {syn_sent, syn_received},
      {syn_sent, established},    {syn_sent, closed},       {syn_received, established},
      {syn_received, fin_wait_1}, {syn_received, listen},   {established, fin_wait_1},
      {established, close_wait},  {fin_wait_1, fin_wait_2}, {fin_wait_1, closing},
      {fin_wait_1, time_wait},    {fin_wait_2, time_wait},  {close_wait, last_ack},
      {closing, time_wait},       {last_ack, closed},       {time_wait, closed}};
  for (const auto& [from, to] : figure) EXPECT_TRUE(is_legal(from, to)) << to_text(from);
}

TEST(TcpState, WhatTheFigureDoesNotHaveIsIllegal) {
  EXPECT_FALSE(is_legal(closed, established));
  EXPECT_FALSE(is_legal(established, time_wait));
  EXPECT_FALSE(is_legal(close_wait, time_wait));
  EXPECT_FALSE(is_legal(close_wait, fin_wait_1));
  EXPECT_FALSE(is_legal(last_ack, time_wait));
  EXPECT_FALSE(is_legal(time_wait, established));
  EXPECT_FALSE(is_legal(fin_wait_2, closing));
  for (const TcpState state : all_states()) EXPECT_FALSE(is_legal(state, state));
}

TEST(TcpState, EveryTransitionIsLegalAndHasACause) {
  for (const TcpTransition& arrow : tcp_transitions()) {
    EXPECT_TRUE(is_legal(arrow.from, arrow.to));
    EXPECT_FALSE(arrow.cause.empty());
  }
  // Every state but CLOSED can be entered and left.
  for (const TcpState state : all_states()) {
    EXPECT_TRUE(std::ranges::any_of(
        tcp_transitions(), [&](const TcpTransition& arrow) { return arrow.from == state; }));
    EXPECT_TRUE(std::ranges::any_of(tcp_transitions(),
                                    [&](const TcpTransition& arrow) { return arrow.to == state; }));
  }
}

TEST(TcpState, AWayMayHaveStepsThatNobodySaw) {
  EXPECT_TRUE(is_reachable(closed, time_wait));
  EXPECT_TRUE(is_reachable(syn_sent, close_wait));
  EXPECT_TRUE(is_reachable(established, time_wait));
  EXPECT_TRUE(is_reachable(established, established));
  EXPECT_FALSE(is_reachable(close_wait, time_wait));    // the passive side never waits
  EXPECT_FALSE(is_reachable(fin_wait_2, established));  // nobody goes back
  EXPECT_FALSE(is_reachable(last_ack, established));
}

TcpEndpoint end_of(std::array<std::uint8_t, 4> bytes, std::uint16_t port) {
  return {.host = ipv4_host(bytes), .port = port};
}

std::string text_of(const TcpEndpoint& end) { return std::string{TcpEndpointText{end}.view()}; }

TEST(TcpEndpoint, IsWrittenAsAnAddress) {
  EXPECT_EQ(text_of(end_of({127, 0, 0, 1}, 7788)), "127.0.0.1:7788");
  EXPECT_EQ(text_of(end_of({0, 0, 0, 0}, 0)), "0.0.0.0:*");
  TcpEndpoint ipv6;
  ipv6.port = 65535;
  EXPECT_EQ(text_of(ipv6), "[::]:65535");
  ipv6.host.fill(0xab);
  EXPECT_EQ(text_of(ipv6), "[abab:abab:abab:abab:abab:abab:abab:abab]:65535");
}

TEST(TcpFilter, MeansHostAndPortOfTheSameEnd) {
  const TcpEndpoint here = end_of({127, 0, 0, 1}, 7788);
  const TcpEndpoint there = end_of({10, 0, 0, 9}, 50000);
  TcpFilter filter;
  EXPECT_TRUE(filter.matches(here, there));
  filter.port = 7788;
  EXPECT_TRUE(filter.matches(here, there));
  EXPECT_TRUE(filter.matches(there, here));
  filter.hosts[0] = there.host;
  filter.host_count = 1;
  EXPECT_FALSE(filter.matches(here, there));  // that host, but on another port
  EXPECT_TRUE(filter.matches(end_of({0, 0, 0, 0}, 7788)));
  EXPECT_FALSE(filter.matches(end_of({0, 0, 0, 0}, 7789)));
}

// Trace lines.

constexpr const char* kLine =
    "         python3-2130    [000] ..s2. 24994.759866: inet_sock_set_state: family=AF_INET "
    "protocol=IPPROTO_TCP sport=37767 dport=52458 saddr=127.0.0.1 daddr=127.0.0.1 "
    "saddrv6=::ffff:127.0.0.1 daddrv6=::ffff:127.0.0.1 oldstate=TCP_FIN_WAIT1 "
    "newstate=TCP_FIN_WAIT2";

TEST(TraceLine, SaysWhenWhoAndWhat) {
  const auto record = tcp::read_trace_line(kLine);
  ASSERT_TRUE(record);
  EXPECT_EQ(record->time_ns, 24'994'759'866'000);
  EXPECT_EQ(text_of(record->local), "127.0.0.1:37767");
  EXPECT_EQ(text_of(record->remote), "127.0.0.1:52458");
  EXPECT_EQ(record->from, fin_wait_1);
  EXPECT_EQ(record->to, fin_wait_2);
  EXPECT_FALSE(record->ipv6);
}

std::string with(std::string_view from, std::string_view to) {
  std::string line{kLine};
  return line.replace(line.find(from), from.size(), to);
}

TEST(TraceLine, ATaskMayCallItselfAnything) {
  EXPECT_TRUE(tcp::read_trace_line(with("python3", "a: b [007] 1.5:")));
  EXPECT_TRUE(tcp::read_trace_line(with("python3", "sport=1 dport=2")));
}

TEST(TraceLine, WhatIsNoChangeOfATcpSocketIsPassedOver) {
  EXPECT_FALSE(tcp::read_trace_line(""));
  EXPECT_FALSE(tcp::read_trace_line(with("IPPROTO_TCP", "IPPROTO_MPTCP")));
  EXPECT_FALSE(tcp::read_trace_line(with("TCP_FIN_WAIT2", "TCP_NEW")));
  EXPECT_FALSE(tcp::read_trace_line(with("sport=37767", "sport=377670")));
  EXPECT_FALSE(tcp::read_trace_line(with("saddrv6=::ffff:127.0.0.1", "saddrv6=")));
  EXPECT_FALSE(tcp::read_trace_line(with("24994.759866", "24994.7598x6")));
  EXPECT_FALSE(tcp::read_trace_line(with("24994.759866", "99999999999999999999.1")));
}

TEST(TraceLine, LossesAreCounted) {
  EXPECT_EQ(tcp::read_lost_line("CPU:1 [LOST 42 EVENTS]"), 42U);
  EXPECT_EQ(tcp::read_lost_line(kLine), 0U);
  EXPECT_EQ(tcp::read_lost_line("CPU:1 [LOST many EVENTS]"), 0U);
}

}  // namespace
}  // namespace headrace
