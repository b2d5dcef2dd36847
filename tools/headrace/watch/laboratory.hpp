// SPDX-License-Identifier: MIT
//
// Where demos happen: a network namespace of their own with nothing in it but a loopback interface,
// whose segments are drawn as they pass and whose sockets the kernel is asked about. What a demo
// says and the kernel denies is a failure.
//
// Needs no root where user namespaces may be made. Blocking calls on purpose: one thing at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/tcp_state.hpp"
#include "net/socket.hpp"
#include "tcp_state/conversations.hpp"
#include "tcp_state/packets.hpp"
#include "watch/text_ladder.hpp"

namespace headrace::watch {

/// 127.0.0.1 with that port.
[[nodiscard]] TcpEndpoint local_end(std::uint16_t port);

class Laboratory final : private tcp_state::ConversationObserver {
 public:
  /// The port that servers have, and the first that clients have: nobody else is here.
  static constexpr std::uint16_t kServerPort = 7788, kClientPort = 50001;
  /// The hop limit of what `deliver` puts on the wire; the kernel's own is 64.
  static constexpr std::uint8_t kDelivered = 63;

  /// Moves this process into a namespace of its own. Or a sentence about what is in the way.
  [[nodiscard]] static std::expected<std::unique_ptr<Laboratory>, std::string> open();

  // What is told.
  void say(std::string_view paragraph);

  // What is done. Failures of calls that must work end the demo with a `DemoFailed`.
  enum class Reuse : bool { no, yes };  ///< SO_REUSEADDR
  [[nodiscard]] net::Socket listen_on(std::uint16_t port, int backlog, Reuse reuse = Reuse::no);
  /// Begins to connect from `port` to the server's; does not wait for an answer.
  [[nodiscard]] net::Socket client_at(std::uint16_t port, std::uint16_t server_port = kServerPort);
  /// Connected from `port` to the server's.
  [[nodiscard]] net::Socket connect_from(std::uint16_t port,
                                         std::uint16_t server_port = kServerPort);
  [[nodiscard]] net::Socket accept_from(const net::Socket& listening);
  void send(const net::Socket& socket, std::string_view bytes);
  /// What recv(2) returns, once there is something: bytes, 0 at the end, or a negative errno.
  [[nodiscard]] ssize_t receive(const net::Socket& socket);
  void shutdown_send(const net::Socket& socket);
  void set_sysctl(const char* path, std::string_view value);

  // What is seen. Each waits, and draws meanwhile what passes.
  using IsIt = std::function<bool(const tcp_state::Rung&)>;
  /// Until a segment like that has passed since the one that was seen last.
  void see(std::string_view what, const IsIt& is_it);
  /// What has passed so far is not seen any more.
  void forget();
  /// Until the kernel has the socket of `local` towards `remote` in that state (nothing: has no
  /// such socket), and says so.
  void check(const TcpEndpoint& local, const TcpEndpoint& remote, std::optional<TcpState> state);
  /// The same of the connection between the ports: the client's and the server's side.
  void check_both(std::uint16_t client_port, std::optional<TcpState> client,
                  std::optional<TcpState> server);
  /// Says whether `holds`; a claim that does not is a failure.
  void claim(bool holds, std::string_view what);
  /// Draws what passes for so long.
  void pass_time(std::chrono::milliseconds duration);
  [[nodiscard]] std::optional<TcpSocket> find(const TcpEndpoint& local, const TcpEndpoint& remote);

  // The wire in our hands. While held, segments do not arrive: `keep_out` on both sockets drops
  // what was not delivered by us.
  void hold();
  enum class But : bool { nothing, delivered };
  static void keep_out(const net::Socket& socket, But but);
  static void let_in(const net::Socket& socket);
  /// The first held segment of that sender with exactly these bits; waits for it.
  [[nodiscard]] tcp_state::Segment held(const TcpEndpoint& source, std::uint8_t bits);
  /// Puts `segment` on the wire (again), with `data`, whose size must be its length.
  void deliver(const tcp_state::Segment& segment, std::string_view data = {});
  /// The last segment with data that passed.
  [[nodiscard]] tcp_state::Segment last_data() const { return last_data_; }

  /// 0, or 1 when the kernel denied something.
  [[nodiscard]] int finish();

 private:
  Laboratory(tcp_state::PacketCapture capture, TcpWatch watch);
  void on_rung(const tcp_state::Conversation& conversation, const tcp_state::Rung& rung) override;
  void on_end(const tcp_state::Conversation&) override {}
  void write(std::string_view text);
  void draw(int patience_ms);
  /// Draws until `done`, which is asked again and again; whether it was in time.
  bool draw_until(const std::function<bool()>& done);

  tcp_state::PacketCapture capture_;
  TcpWatch watch_;
  tcp_state::Conversations conversations_{*this};
  TextLadder ladder_;
  std::vector<tcp_state::Segment> arriving_, held_;
  std::vector<tcp_state::Rung> rungs_;  // since the last `see`
  tcp_state::Segment last_data_;
  std::uint64_t drawn_last_ = 0;  // whose heading was written last
  bool is_holding_ = false;
  bool in_ladder_ = false;
  int status_ = 0;
};

/// A call that must work did not; what is left of the demo makes no sense.
struct DemoFailed {
  std::string sentence;
};

}  // namespace headrace::watch
