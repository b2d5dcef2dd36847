// SPDX-License-Identifier: MIT
//
// The services that come with headrace, for `headrace serve NAME` and for programs of your own.
#pragma once

#include "headrace/result.hpp"
#include "headrace/service.hpp"

namespace headrace {

class Stopper;

namespace services {

/// Sends back what it receives, until the peer closes, goes quiet or fails (RFC 862).
Task<> echo(Stream peer);

/// Reads and throws away what it receives, until the peer closes, goes quiet or fails (RFC 863).
Task<> discard(Stream peer);

/// Which datagrams a service answers. Two services that answer everything, pointed at each other,
/// would go on for ever, and so would one that is pointed at itself (RFC 862 servers do). So not
/// answered are senders whose port is below 1024, where such services live, or is one of this
/// server's own; datagrams that say that they are answers, as all of ours do
/// (Datagram::mark_answers); what a port that no program is given by chance sends more than 1000
/// times a second, always the same, which is what a service of another make would do; and those
/// that cannot be (see Endpoint::can_be_answered).
class DatagramRules {
 public:
  struct Options {
    bool allow_reflect = false;   ///< answers all that can be
    std::uint32_t most_each = 0;  ///< answers a second to one sender's host; 0: no limit
  };

  /// Outlives the server, and is made before it: who was answered how often is kept in memory that
  /// children share. Throws std::bad_alloc.
  explicit DatagramRules(Options options);
  DatagramRules(const DatagramRules&) = delete;
  DatagramRules& operator=(const DatagramRules&) = delete;
  ~DatagramRules();

  /// Before the first datagram: `socket` marks its answers.
  void apply_to(Datagram& socket) const noexcept;
  /// Whether `received` is to be answered by `socket`; if not, that is counted there. Any thread.
  [[nodiscard]] bool allow(Datagram& socket, const Received& received) noexcept;

 private:
  struct Recent;

  [[nodiscard]] bool reflects(const Datagram& socket, const Received& received) noexcept;

  Options options_;
  std::uint16_t first_of_clients_;  // port; what programs are given lies above
  Recent* recent_ = nullptr;        // only with a limit
  Recent* alike_ = nullptr;         // only without allow_reflect
};

/// Sends each datagram back where it came from, as `rules` allow.
Task<> echo_datagrams(DatagramRules& rules, Datagram socket);

/// Receives datagrams and throws them away.
Task<> discard_datagrams(Datagram socket);

/// Answers once, with `has recv:` and the first bytes that came, at most 64 KiB; then closes. What
/// comes later is thrown away, for five seconds at most, so that the answer is not lost to a reset.
Task<> reply(Stream peer);

/// Whoever answers in `talk`: a person at a terminal, or a program behind two pipes.
///
/// Outlives the server, and is made before it: what was typed and not sent yet is kept in memory
/// that children share, so that the next client gets it under every model.
class Operator {
 public:
  /// Borrows the descriptors and leaves them as they are, blocking. With a `stopper` the server is
  /// stopped once the input has ended and the client in service has left; without one further
  /// clients are only listened to. Throws std::bad_alloc.
  Operator(int input, int output, Stopper* stopper = nullptr);
  Operator(const Operator&) = delete;
  Operator& operator=(const Operator&) = delete;
  virtual ~Operator();

  /// The failure of the write that ended the showing, if one has; the server was then stopped.
  [[nodiscard]] Result<> showing() const noexcept;

 protected:
  /// How `bytes` of the client in service are to be written; valid until the next call. As they
  /// are, unless overridden.
  [[nodiscard]] virtual ByteView shown(ByteView bytes) { return bytes; }
  /// What is to be written behind the last bytes of a client.
  [[nodiscard]] virtual ByteView parting() { return {}; }
  /// The input has ended: nobody will answer any more. Told once.
  virtual void input_ended() noexcept {}

 private:
  friend class Conversation;
  struct Typed;

  int input_;
  int output_;
  Stopper* stopper_;
  Typed* typed_;
};

/// The operator's chat: what the client says is written to the operator's output, what the operator
/// types is sent, line by line. Until the client ends its side or fails.
///
/// A line that could not be sent whole, or was typed while there was no client, goes to the next
/// one. Made for `Service{talk, person}.serving(Concurrency::one)`.
Task<> talk(Operator& person, Stream peer);

}  // namespace services
}  // namespace headrace
