// SPDX-License-Identifier: MIT
//
// From segments to conversations: who said what when, counted from each side's own beginning, and
// which state that puts each side in.
//
// Pure: no system call and no clock; the time is that of the segments. Only what segments prove is
// claimed: a side is in CLOSE-WAIT once it acknowledges the FIN, in SYN-RECEIVED once it answers
// the SYN. What no segment tells (2 MSL have passed, a listener's queue) is not here.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <utility>

#include "headrace/tcp_state.hpp"
#include "tcp_state/segment.hpp"

namespace headrace::tcp_state {

/// The left side began: it sent the first SYN. Where that was not seen, it has the higher port.
enum class Side : std::uint8_t { left, right };

[[nodiscard]] constexpr Side other(Side side) noexcept {
  return side == Side::left ? Side::right : Side::left;
}
[[nodiscard]] constexpr std::size_t index_of(Side side) noexcept {
  return static_cast<std::size_t>(side);
}

/// A side enters a state.
struct StateChange {
  Side side = Side::left;
  std::optional<TcpState> from;  ///< nothing: it was not known
  TcpState to = TcpState::closed;
  bool legal = true;  ///< by RFC 9293; never false for a correction
  /// An earlier change is taken back: what the other side sent did not get here after all.
  bool correction = false;
};

/// What is to be said about a segment beside what stands in it.
enum Remark : std::uint16_t {
  kRetransmission = 1,  ///< all or a part of it was sent before
  kOutOfOrder = 2,      ///< it fills a gap that was seen
  kGap = 4,             ///< what comes before it was not seen
  kKeepAlive = 8,       ///< nothing new: is anybody there? (RFC 9293, 3.8.4)
  kRepeatedAck = 16,    ///< acknowledges again what was acknowledged, while more is under way
  kWindowClosed = 32,   ///< the sender has no room: window 0
  kWindowOpened = 64,   ///< it has room again
  kDelayedAck = 128,    ///< the data came well before (RFC 9293, 3.8.6.3)
  kAfterEnd = 256,      ///< the conversation was over
  kWindowProbe = 512,   ///< as a keep-alive, towards a closed window (RFC 9293, 3.8.6.1)
};

/// One segment of a conversation: a rung of its ladder.
struct Rung {
  std::int64_t time_ns = 0;
  Side from = Side::left;
  std::uint8_t bits = 0;             ///< ControlBits
  std::uint32_t length = 0;          ///< bytes of data
  std::int64_t sequence = 0;         ///< counted from the sender's SYN, which is 0; beyond 2^32 too
  std::int64_t acknowledgement = 0;  ///< likewise from the receiver's
  std::uint16_t remarks = 0;         ///< Remark
  std::int64_t answered_after_ns = 0;  ///< of a delayed ACK: since the data came
  std::uint8_t before = 0;             ///< so many of `changes` happened before it was sent

  [[nodiscard]] bool has(std::uint8_t wanted) const noexcept { return (bits & wanted) == wanted; }
  /// The states that it led to: first the sender's, on its way out, then the receiver's.
  [[nodiscard]] std::span<const StateChange> changes() const noexcept {
    return std::span{changes_}.first(change_count_);
  }
  void add(const StateChange& change) noexcept {
    if (change_count_ < changes_.size()) changes_[change_count_++] = change;
  }

 private:
  std::array<StateChange, 6> changes_{};
  std::uint8_t change_count_ = 0;
};

/// How a conversation stands.
enum class Ending : std::uint8_t {
  open,
  closed,     ///< both FINs acknowledged
  reset,      ///< RST
  refused,    ///< RST for the first SYN
  replaced,   ///< a new SYN on the same ports; this one was left half-open
  forgotten,  ///< too many at once, or silent for long
};

struct Conversation {
  std::uint64_t number = 0;         ///< in the order in which they were first seen, from 1
  std::array<TcpEndpoint, 2> ends;  ///< by Side
  std::array<std::optional<TcpState>, 2> states;
  std::uint16_t states_passed = 0;  ///< bit `1 << state`, of either side
  bool seen_from_start = false;     ///< from its first SYN
  std::int64_t began_ns = 0, last_ns = 0;
  Ending ending = Ending::open;

  [[nodiscard]] const TcpEndpoint& end(Side side) const noexcept { return ends[index_of(side)]; }
  [[nodiscard]] const std::optional<TcpState>& state(Side side) const noexcept {
    return states[index_of(side)];
  }
};

/// Told of everything as it happens. The references are good during the call.
class ConversationObserver {
 public:
  ConversationObserver() = default;
  ConversationObserver(const ConversationObserver&) = delete;
  ConversationObserver& operator=(const ConversationObserver&) = delete;
  virtual ~ConversationObserver() = default;
  virtual void on_rung(const Conversation& conversation, const Rung& rung) = 0;
  /// Once each; later segments are remarked as kAfterEnd.
  virtual void on_end(const Conversation& conversation) = 0;
};

/// All conversations of a stream of segments. Holds at most `kMost`, a few hundred bytes each.
class Conversations {
 public:
  static constexpr std::size_t kMost = 16'384;
  /// After its end a conversation is remembered so long: the time of TIME-WAIT on Linux.
  static constexpr std::int64_t kRememberedNs = 60'000'000'000;

  /// Borrows `observer`.
  explicit Conversations(ConversationObserver& observer, std::size_t most = kMost)
      : observer_{observer}, most_{most} {}

  /// Takes the next segment. A copy of one that passed another interface before is ignored.
  void observe(const Segment& segment);

  /// A connection that is there already: the state of its end `local`. At most `most` are kept.
  void know(const TcpEndpoint& local, const TcpEndpoint& remote, TcpState state) {
    if (known_.size() < most_) known_.insert_or_assign({local, remote}, state);
  }

  [[nodiscard]] std::size_t size() const noexcept { return flows_.size(); }

 private:
  // What one side has sent.
  struct Half {
    std::optional<std::uint32_t> base;  // the sequence number that counts as 0
    std::int64_t next = 0;              // one past the highest it sent, counted from there
    std::int64_t gap_from = 0, gap_to = 0;
    std::int64_t fin_at = 0;
    bool has_sent_syn = false, has_sent_fin = false, fin_acknowledged = false;
    bool has_taken_fin = false;         // the other side's
    std::int64_t acknowledged = 0;      // the highest it acknowledged
    std::int64_t waiting_since_ns = 0;  // for an acknowledgement of its data; 0: not
    std::int64_t syn_sent_ns = 0, answers_within_ns = 0;
    std::optional<std::uint16_t> window;
    std::uint32_t interface = 0;

    // A sequence number counted from the side's SYN. The first one that is seen counts as `first`.
    std::int64_t counted(std::uint32_t number, std::int64_t first) noexcept;
  };
  struct Flow {
    Conversation conversation;
    std::array<Half, 2> halves;
    Half& half(Side side) noexcept { return halves[index_of(side)]; }
  };
  using Key = std::pair<TcpEndpoint, TcpEndpoint>;  // the smaller end first
  using Flows = std::map<Key, Flow>;

  Flow* flow_of(const Segment& segment);
  static bool begins_anew(Flow& flow, const Segment& segment) noexcept;
  Flow* open_flow(const Key& key, const Segment& segment);
  void end(Flow& flow, Ending how);
  void make_room();
  static bool is_copy(Half& sender, const Segment& segment, std::int64_t sequence);
  static void remark(Flow& flow, Rung& rung, const Segment& segment);
  static void remark_acknowledgement(Flow& flow, Rung& rung, const Segment& segment);
  static void remark_old_bytes(Half& sender, Rung& rung, std::int64_t end) noexcept;
  static void note_sent(Half& sender, const Rung& rung, std::int64_t end) noexcept;
  static void leave(Flow& flow, Rung& rung);
  static void arrive(Flow& flow, Rung& rung);
  static void take_fin(Flow& flow, Side side, Rung& rung);
  static void take_back(Flow& flow, Rung& rung);
  static void enter(Flow& flow, Side side, TcpState state, Rung& rung, bool correction = false);
  void look_for_end(Flow& flow, const Rung& rung);

  ConversationObserver& observer_;
  std::size_t most_;
  std::uint64_t count_ = 0;
  Flows flows_;
  std::map<Key, TcpState> known_;  // by its own end and the other
};

}  // namespace headrace::tcp_state
