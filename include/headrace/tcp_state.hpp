// SPDX-License-Identifier: MIT
//
// The states of TCP: their names, which may follow which and why; and TcpWatch, which asks the
// kernel for the connections of this machine as they are and as they change.
//
// The words are those of RFC 9293 (section 3.3.2). The table holds what the RFC allows; what Linux
// does otherwise is said where it matters.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "headrace/result.hpp"

namespace headrace {

enum class TcpState : std::uint8_t {
  closed,
  listen,
  syn_sent,
  syn_received,
  established,
  fin_wait_1,
  fin_wait_2,
  close_wait,
  closing,
  last_ack,
  time_wait,
};
inline constexpr std::size_t kTcpStates = 11;

/// As RFC 9293 writes it: "SYN-RECEIVED", "FIN-WAIT-1", "TIME-WAIT".
[[nodiscard]] std::string_view to_text(TcpState state) noexcept;

/// By name, in any case, with '-' or '_' or neither; also as Linux and netstat(8) call it:
/// "SYN_RECV", "FIN_WAIT1", "ESTAB".
[[nodiscard]] std::optional<TcpState> find_tcp_state(std::string_view name) noexcept;

/// An arrow of the state diagram. Static storage.
struct TcpTransition {
  TcpState from;
  TcpState to;
  std::string_view cause;  ///< "receive FIN", "close", "2 MSL have passed"
  std::string_view sends;  ///< "ACK"; empty where nothing is sent
};

/// Every transition of RFC 9293: figure 5, and those that its text adds (resets, time limits, a new
/// SYN that ends TIME-WAIT). Several causes of the same arrow are separate rows.
[[nodiscard]] std::span<const TcpTransition> tcp_transitions() noexcept;

/// Whether one step leads from `from` to `to`. Staying is no step.
[[nodiscard]] bool is_legal(TcpState from, TcpState to) noexcept;

/// Whether some steps lead from `from` to `to` without the connection ending on the way: what two
/// looks at one connection may show when states between them were too short to be seen. True where
/// both are the same.
[[nodiscard]] bool is_reachable(TcpState from, TcpState to) noexcept;

/// An IP address in network order; IPv4 as IPv4-mapped IPv6 (::ffff:a.b.c.d).
using TcpHost = std::array<std::uint8_t, 16>;

[[nodiscard]] bool is_ipv4(const TcpHost& host) noexcept;
/// From the four bytes as they stand in a packet.
[[nodiscard]] TcpHost ipv4_host(std::span<const std::uint8_t, 4> bytes) noexcept;

/// One end of a connection; the port in host byte order.
struct TcpEndpoint {
  TcpHost host{};
  std::uint16_t port = 0;
  auto operator<=>(const TcpEndpoint&) const = default;
};

/// "127.0.0.1:7788", "[::1]:7788", held in place. A wildcard is "0.0.0.0" or "[::]", port 0 is "*".
class TcpEndpointText {
 public:
  explicit TcpEndpointText(const TcpEndpoint& endpoint) noexcept;
  [[nodiscard]] std::string_view view() const noexcept { return {text_.data(), length_}; }
  operator std::string_view() const noexcept { return view(); }

 private:
  std::array<char, 56> text_;
  std::size_t length_ = 0;
};

/// Which connections: each condition that is set must hold.
struct TcpFilter {
  static constexpr std::uint16_t kEveryState = (1U << kTcpStates) - 1;
  static constexpr std::size_t kMostHosts = 8;

  std::uint16_t states = kEveryState;       ///< bit `1 << state`
  std::uint16_t port = 0;                   ///< of either end; 0: any
  std::array<TcpHost, kMostHosts> hosts{};  ///< one of these is the host of that same end
  std::uint8_t host_count = 0;              ///< 0: any
  std::int32_t pid = 0;                     ///< a process that holds the socket; 0: any

  [[nodiscard]] bool has_state(TcpState state) const noexcept {
    return ((states >> static_cast<unsigned>(state)) & 1U) != 0;
  }
  /// Whether host and port suit this end. A listener's wildcard stands for every host if there is a
  /// port.
  [[nodiscard]] bool matches(const TcpEndpoint& end) const noexcept;
  /// Whether they suit one of both ends. State and pid are not looked at.
  [[nodiscard]] bool matches(const TcpEndpoint& one, const TcpEndpoint& other) const noexcept {
    return matches(one) || matches(other);
  }
};

/// What a socket waits for when it waits for a time to come.
enum class TcpTimer : std::uint8_t {
  none,
  retransmit,  ///< what was sent is sent again (SYN-RECEIVED: the SYN+ACK)
  keepalive,   ///< a probe of a quiet peer; a closed socket in FIN-WAIT-2: its end
  time_wait,   ///< the end of TIME-WAIT (Linux: 60 s), or of FIN-WAIT-2
  persist,     ///< a probe of a peer whose window is zero
};

/// "none", "retransmit", "keepalive", "time-wait", "persist".
[[nodiscard]] std::string_view to_text(TcpTimer timer) noexcept;

/// What tcp(7)'s TCP_INFO tells of a connection, the part that is shown.
struct TcpDetails {
  std::chrono::microseconds rtt{};  ///< smoothed; 0: none measured yet
  std::chrono::microseconds rtt_variation{};
  std::chrono::milliseconds retransmit_timeout{};
  std::uint32_t retransmits = 0;  ///< segments sent again, in all its life
  std::uint32_t congestion_window = 0;
  std::uint64_t bytes_received = 0;
  std::uint64_t bytes_acknowledged = 0;
};

/// A process that holds the socket, found by the socket's inode and by nothing else.
struct TcpOwner {
  std::int32_t pid = 0;         ///< 0: nobody, or nobody that we may see
  std::array<char, 16> text{};  ///< as /proc/PID/comm has it, ends with a NUL
  std::uint16_t others = 0;     ///< further processes that hold it too
  [[nodiscard]] std::string_view name() const noexcept { return text.data(); }
};

/// A row of the kernel's table.
struct TcpSocket {
  TcpState state = TcpState::closed;
  bool ipv6 = false;  ///< the socket's family; an IPv6 one may carry IPv4
  TcpTimer timer = TcpTimer::none;
  std::uint8_t tries = 0;  ///< how often that which the timer waits for was sent again
  TcpEndpoint local;
  TcpEndpoint remote;
  std::chrono::milliseconds timer_remaining{};
  std::uint32_t receive_queue = 0;  ///< bytes not read yet; LISTEN: connections not accepted yet
  std::uint32_t send_queue = 0;     ///< bytes not acknowledged; LISTEN: the backlog granted
  std::uint32_t inode = 0;          ///< 0: no process has it any more, or not yet
  std::uint32_t user = 0;
  std::uint32_t interface = 0;  ///< index of the one it is bound to, or 0
  std::uint64_t cookie = 0;     ///< the kernel's; another for each socket (TIME-WAIT has its own)
  std::optional<std::uint32_t> drops;  ///< LISTEN: connections thrown away; else segments
  std::optional<TcpDetails> details;   ///< not in LISTEN, SYN-RECEIVED and TIME-WAIT
  TcpOwner owner;
};

/// Where a piece of news comes from.
enum class TcpSource : std::uint8_t {
  snapshot,   ///< sock_diag(7): all sockets as they are at one moment; any user
  destroyed,  ///< sock_diag's messages about sockets that end; any user
  trace,      ///< the trace event sock:inet_sock_set_state: each change, in order
  packet,     ///< SYN, FIN and RST as they pass an interface
};
inline constexpr std::size_t kTcpSources = 4;

/// "snapshot", "destroyed", "trace", "packet".
[[nodiscard]] std::string_view to_text(TcpSource source) noexcept;

/// Whether a source can be had here, and what it has lost.
struct TcpSourceStatus {
  bool open = false;
  Failure failure{};       ///< why it is not open
  std::uint64_t read = 0;  ///< messages taken
  std::uint64_t lost = 0;  ///< messages that came faster than we read, where that is known
  std::uint64_t gaps = 0;  ///< times that some were lost
};

/// A change of state that was seen, or what was left of a socket when it ended.
struct TcpEvent {
  TcpSource source;
  /// From `from` to `to` in one step of RFC 9293; with `passed_over` in several, which were too
  /// short to be seen. False: no way leads there, and one trace event or two rows of the same
  /// socket say so. Sources that contradict each other do not make it false: the same ends may have
  /// been used again between them.
  bool legal;
  bool passed_over;
  /// The final word on a socket: its last figures; `to` is CLOSED or TIME-WAIT.
  bool ended;
  TcpState from;
  TcpState to;
  std::int64_t time_ns;     ///< CLOCK_MONOTONIC; of a snapshot: when it was taken
  const TcpSocket* socket;  ///< never null; as last seen, with state `to`
};

/// A socket in a snapshot, and since when it is in its state.
struct TcpSighting {
  TcpSocket socket;
  std::chrono::nanoseconds age{};  ///< in this state
  bool age_known = false;  ///< false: it was so when first seen, `age` is the least it can be
};

/// What a snapshot says of itself.
struct TcpSnapshot {
  std::array<std::uint32_t, kTcpStates> count{};  ///< sockets by state
  std::int64_t time_ns = 0;                       ///< CLOCK_MONOTONIC when it was begun
  bool consistent = true;  ///< false: the kernel's tables changed so much that rows may be missing
};

struct TcpWatchOptions {
  TcpFilter filter{};
  bool owners = true;   ///< look for the processes, in /proc
  bool events = true;   ///< messages about ended sockets
  bool trace = true;    ///< trace events where we may
  bool packets = true;  ///< SYN, FIN and RST where we may
};

/// The TCP sockets of the network namespace that the calling thread is in. One thread at a time.
///
/// Asks sock_diag(7) over netlink, with the filter applied by the kernel; hears of sockets that
/// end; and, where it may, reads trace events through an instance of its own under tracefs, which
/// it removes at the end; one that a killed program left is removed by the next. What the sources
/// say is put together by the connection's two ends.
class TcpWatch {
 public:
  /// Fails only when there can be no snapshot; what else is missing is in `sources`.
  [[nodiscard]] static Result<TcpWatch> open(const TcpWatchOptions& options = {});
  TcpWatch(TcpWatch&&) noexcept;
  TcpWatch& operator=(TcpWatch&&) noexcept;
  ~TcpWatch();

  /// One look: each socket that the filter means to `sees`, each change since the last look to
  /// `hears`, when the changes happened in the order of their time as far as it is known.
  ///
  /// Listeners and connections in no order. What opened and closed between two looks shows up as
  /// events only. Blocks while the kernel writes the rows: about 0.1 s for 100,000.
  /// Failures: `out_of_memory`, `not_supported`, `system_error`.
  template <class Sees, class Hears>
  Result<TcpSnapshot> look(Sees sees, Hears hears) {
    return look(
        Visits{call<Sees, const TcpSighting&>, &sees, call<Hears, const TcpEvent&>, &hears});
  }

  /// Only the events that are there now, without waiting. Those of a socket never seen before are
  /// kept until a look, or its end, shows that it is of this network namespace: trace events come
  /// from all of them.
  template <class Hears>
  Result<> listen(Hears hears) {
    return listen(Visits{nullptr, nullptr, call<Hears, const TcpEvent&>, &hears});
  }

  /// For poll(2): readable when `listen` has something to read. Trace events wake it only when half
  /// their buffer is full, which spares a busy machine a wake each: call `listen` now and then.
  [[nodiscard]] int descriptor() const noexcept;

  /// What each source has, by TcpSource.
  [[nodiscard]] std::array<TcpSourceStatus, kTcpSources> sources() const noexcept;

  /// Trace events of sockets that never turned up here: other network namespaces'.
  [[nodiscard]] std::uint64_t foreign_events() const noexcept;

  /// The other conditions from now on; the trace events' too.
  [[nodiscard]] Result<> set_filter(const TcpFilter& filter);

 private:
  struct Visits {
    void (*sees)(void*, const TcpSighting&);
    void* seer;
    void (*hears)(void*, const TcpEvent&);
    void* hearer;
  };
  template <class Callable, class Argument>
  static void call(void* callable, Argument argument) {
    (*static_cast<Callable*>(callable))(argument);
  }
  struct State;

  explicit TcpWatch(std::unique_ptr<State> state) noexcept;
  Result<TcpSnapshot> look(const Visits& visits);
  Result<> listen(const Visits& visits);

  std::unique_ptr<State> state_;
};

/// The inode that names the network namespace of the calling thread: what `readlink
/// /proc/self/ns/net` shows. 0: unknown.
[[nodiscard]] std::uint64_t network_namespace() noexcept;

}  // namespace headrace
