// SPDX-License-Identifier: MIT
//
// The states of TCP and the arrows between them, from RFC 9293. Pure tables: nothing here looks at
// the kernel.
#include <algorithm>

#include "headrace/tcp_state.hpp"

namespace headrace {

namespace {

using enum TcpState;

constexpr std::array<std::string_view, kTcpStates> kNames{
    "CLOSED",     "LISTEN",     "SYN-SENT", "SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1",
    "FIN-WAIT-2", "CLOSE-WAIT", "CLOSING",  "LAST-ACK",     "TIME-WAIT"};

// What <netinet/tcp.h> and ss(8) call them, where that is more than another hyphen.
struct Alias {
  std::string_view name;
  TcpState state;
};
constexpr std::array kAliases{Alias{"CLOSE", closed}, Alias{"SYNRECV", syn_received},
                              Alias{"ESTAB", established}, Alias{"UNCONN", closed},
                              Alias{"LISTENING", listen}};

// In the order of a connection's life. Resets and time limits are in the text of the RFC: sections
// 3.5.3, 3.8 and 3.10.7.
constexpr TcpTransition kTransitions[] = {
    {closed, listen, "listen", ""},
    {closed, syn_sent, "connect", "SYN"},
    {listen, syn_received, "receive SYN", "SYN+ACK"},
    {listen, syn_sent, "connect", "SYN"},  // Linux refuses: EISCONN
    {listen, closed, "close", ""},
    {syn_sent, established, "receive SYN+ACK", "ACK"},
    {syn_sent, syn_received, "receive SYN: both sides connect", "SYN+ACK"},
    {syn_sent, closed, "close", ""},
    {syn_sent, closed, "receive RST: refused", ""},
    {syn_sent, closed, "nobody answered in time", ""},
    {syn_received, established, "receive ACK of SYN", ""},
    {syn_received, fin_wait_1, "close", "FIN"},
    {syn_received, close_wait, "receive FIN", "ACK"},
    {syn_received, listen, "receive RST", ""},
    {syn_received, closed, "receive RST", ""},
    {syn_received, closed, "nobody answered in time", "RST"},
    {established, fin_wait_1, "close", "FIN"},
    {established, close_wait, "receive FIN", "ACK"},
    {established, closed, "receive RST", ""},
    {established, closed, "abort", "RST"},
    {established, closed, "nobody answered in time", ""},
    {fin_wait_1, fin_wait_2, "receive ACK of FIN", ""},
    {fin_wait_1, closing, "receive FIN: both sides close", "ACK"},
    {fin_wait_1, time_wait, "receive FIN+ACK of FIN", "ACK"},
    {fin_wait_1, closed, "receive RST", ""},
    {fin_wait_1, closed, "abort", "RST"},
    {fin_wait_1, closed, "nobody answered in time", ""},
    {fin_wait_2, time_wait, "receive FIN", "ACK"},
    {fin_wait_2, closed, "receive RST", ""},
    {fin_wait_2, closed, "abort", "RST"},
    {fin_wait_2, closed, "no FIN came in time", ""},  // net.ipv4.tcp_fin_timeout
    {close_wait, last_ack, "close", "FIN"},
    {close_wait, closed, "receive RST", ""},
    {close_wait, closed, "abort", "RST"},
    {close_wait, closed, "nobody answered in time", ""},
    {closing, time_wait, "receive ACK of FIN", ""},
    {closing, closed, "receive RST", ""},
    {closing, closed, "nobody answered in time", ""},
    {last_ack, closed, "receive ACK of FIN", ""},
    {last_ack, closed, "receive RST", ""},
    {last_ack, closed, "nobody answered in time", ""},
    {time_wait, closed, "2 MSL have passed", ""},
    {time_wait, syn_received, "receive a new SYN", "SYN+ACK"},
};

constexpr std::size_t index_of(TcpState state) noexcept { return static_cast<std::size_t>(state); }

using Rows = std::array<std::uint16_t, kTcpStates>;  // by `from`, a bit for each `to`

consteval Rows single_steps() {
  Rows steps{};
  for (const TcpTransition& arrow : kTransitions)
    steps[index_of(arrow.from)] |= static_cast<std::uint16_t>(1U << index_of(arrow.to));
  return steps;
}
constexpr Rows kSteps = single_steps();

// The end of the connection may be the goal, never a stop on the way: what follows CLOSED is
// another connection. A request that falls back to LISTEN is over too.
consteval Rows any_steps() {
  Rows reached = kSteps;
  for (std::size_t round = 0; round < kTcpStates; ++round)
    for (std::size_t from = 0; from < kTcpStates; ++from)
      for (std::size_t by = 0; by < kTcpStates; ++by)
        if (((reached[from] >> by) & 1U) != 0 && by != index_of(closed) && by != index_of(listen))
          reached[from] |= kSteps[by];
  // A connection that we first see is CLOSED; a listener's is LISTEN, which leads on as well.
  reached[index_of(closed)] = TcpFilter::kEveryState;
  return reached;
}
constexpr Rows kReached = any_steps();

bool has(const Rows& rows, TcpState from, TcpState to) noexcept {
  return ((rows[index_of(from)] >> index_of(to)) & 1U) != 0;
}

constexpr char upper(char c) noexcept {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

// Equal but for case, '-' and '_'.
bool same_name(std::string_view typed, std::string_view name) noexcept {
  const auto skip = [](std::string_view& text) {
    while (!text.empty() && (text.front() == '-' || text.front() == '_')) text.remove_prefix(1);
  };
  for (skip(typed), skip(name); !typed.empty() && !name.empty(); skip(typed), skip(name)) {
    if (upper(typed.front()) != name.front()) return false;
    typed.remove_prefix(1);
    name.remove_prefix(1);
  }
  return typed.empty() && name.empty();
}

}  // namespace

std::string_view to_text(TcpState state) noexcept { return kNames[index_of(state)]; }

std::optional<TcpState> find_tcp_state(std::string_view name) noexcept {
  if (name.empty()) return std::nullopt;
  for (std::size_t i = 0; i < kNames.size(); ++i)
    if (same_name(name, kNames[i])) return static_cast<TcpState>(i);
  for (const Alias& alias : kAliases)
    if (same_name(name, alias.name)) return alias.state;
  return std::nullopt;
}

std::span<const TcpTransition> tcp_transitions() noexcept { return kTransitions; }

bool is_legal(TcpState from, TcpState to) noexcept { return has(kSteps, from, to); }

bool is_reachable(TcpState from, TcpState to) noexcept {
  return from == to || has(kReached, from, to);
}

}  // namespace headrace
