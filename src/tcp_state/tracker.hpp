// SPDX-License-Identifier: MIT
//
// What several sources say, put together by a connection's two ends: since when it is in its state,
// and which changes there were. Pure bookkeeping: nothing here asks the kernel.
//
// No source knows all. A snapshot misses what is short; a trace event says CLOSED where TIME-WAIT
// begins, knows no network namespace and comes before the socket was ever looked at; a message
// about an ended socket names no state. So a way out is held until the next look shows where it
// led.
//
// Which of two pieces of news came first, their times say. A row was written at some moment of its
// look: an event from before the look is older than the row, one from after it younger. Of those
// from within the look the ones are younger that go on from where the row is. A step that one event
// tells, or two rows of one socket, is judged as it is; where sources contradict each other there
// was another connection between them, or in another network namespace, and no step is made up.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "headrace/tcp_state.hpp"
#include "tcp_state/segment.hpp"
#include "tcp_state/trace_line.hpp"

namespace headrace::tcp {

class Tracker {
 public:
  /// A look begins. `whole`: a socket that is not among its rows has ended; else it may only have
  /// left the states that are looked at.
  void begin_look(std::int64_t now, bool whole);
  /// A row of it. What it makes known is left in `sighting`: age and owner.
  void row(TcpSighting& sighting);
  /// All rows were there, at `until` at the latest.
  void end_look(std::int64_t until);
  /// The rows did not all come: nothing is concluded from those that did not.
  void abandon_look();

  void trace(const TraceRecord& record);
  /// What a segment shows of the end that sent it and of the one that gets it. Steps that take no
  /// SYN, FIN or RST are left to the next look.
  void segment(const tcp_state::Segment& segment, std::int64_t time);
  void destroyed(const TcpSocket& socket, std::int64_t now);

  /// Calls `hears(const TcpEvent&)` for the events so far, in the order of their time.
  template <class Hears>
  void deliver(Hears hears) {
    sort_news();
    for (News& news : news_) {
      news.event.socket = &news.socket;
      hears(static_cast<const TcpEvent&>(news.event));
    }
    news_.clear();
  }

  /// Who was last seen to hold a socket that nobody holds any more; nobody when it is not known.
  [[nodiscard]] TcpOwner last_owner(const TcpSocket& socket) const noexcept;

  /// Trace events of sockets that never turned up.
  [[nodiscard]] std::uint64_t foreign() const noexcept { return foreign_; }

  /// Other sockets are meant from now on.
  void forget();

 private:
  struct Key {
    TcpEndpoint local;
    TcpEndpoint remote;
    std::uint64_t cookie = 0;  // of a listener: several may share a port
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    std::size_t operator()(const Key& key) const noexcept;
  };
  struct Connection {
    TcpState state = TcpState::closed;
    TcpState row_state = TcpState::closed;  // in its last row
    TcpState refuted = TcpState::closed;    // a segment led there, but its row did not follow
    bool since_known = false;
    bool row_since_known = false;
    std::uint32_t look = 0;  // the last that had it
    std::int64_t since = 0;
    std::int64_t row_since = 0;  // of the state in its last row
    std::int64_t row_time = 0;   // when the look of its last row began
    std::int64_t left = 0;       // a way out was seen then; 0: none
    TcpSource left_by = TcpSource::snapshot;
    std::uint64_t cookie = 0;
    TcpOwner owner{};
    std::unique_ptr<TcpSocket> final;  // its last figures
  };
  // A segment, to one end of its connection.
  struct Sign {
    std::int64_t time;
    std::uint8_t bits;
    bool sent;
  };
  struct Held {  // trace events of a socket not seen yet
    std::vector<TraceRecord> records;
    std::vector<Sign> signs;
    std::uint32_t look = 0;
  };
  struct News {
    TcpEvent event;
    TcpSocket socket;
    std::size_t number = 0;  // in the order of arrival: equal times keep it
  };
  using Connections = std::unordered_map<Key, Connection, Hash>;

  static Key key_of(const TcpSocket& socket) noexcept;
  void replay(const Key& key, Connection& connection);
  void take(const Key& key, const Sign& sign);
  void follow(const Key& key, Connection& connection, const Sign& sign);
  void step(const Key& key, Connection& connection, const TraceRecord& record);
  [[nodiscard]] bool is_old(const Connection& connection, const TraceRecord& record) const;
  void catch_up(const Key& key, Connection& connection, const TraceRecord& record);
  void settle(const Key& key, Connection& connection, const TcpSocket& socket);
  void begin_again(const Key& key, Connection& connection, TcpState state);
  void change(const Key& key, Connection& connection, TcpState to, TcpSource source,
              std::int64_t time, const TcpSocket* socket);
  void sort_news();

  Connections connections_;
  std::unordered_map<Key, Held, Hash> held_;
  std::vector<News> news_;
  std::size_t held_records_ = 0;
  std::uint64_t foreign_ = 0;
  std::uint32_t look_ = 0;
  std::int64_t now_ = 0;
  std::int64_t looked_until_ = 0;
  std::int64_t previous_ = 0;  // when the look before was begun; 0: there was none
  bool whole_ = true;
};

}  // namespace headrace::tcp
