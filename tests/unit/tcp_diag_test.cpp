// SPDX-License-Identifier: MIT
//
// sock_diag's messages: rows of our own making read, and our requests understood by the kernel.
#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "headrace/tcp_state.hpp"
#include "net/socket.hpp"
#include "tcp_state/diag_message.hpp"

namespace headrace {
namespace {

using net::Socket;

class Message {
 public:
  Message() {
    body_.idiag_family = AF_INET;
    body_.idiag_state = 1;
    body_.id.idiag_sport = htons(7788);
    body_.id.idiag_dport = htons(50000);
    body_.id.idiag_src[0] = htonl(INADDR_LOOPBACK);
    body_.id.idiag_dst[0] = htonl(INADDR_LOOPBACK);
  }
  inet_diag_msg& body() { return body_; }
  void attribute(unsigned short type, std::vector<std::uint8_t> value, std::size_t claimed = 0) {
    nlattr head{};
    head.nla_len = static_cast<unsigned short>(claimed != 0 ? claimed : sizeof head + value.size());
    head.nla_type = type;
    append(&head, sizeof head);
    append(value.data(), value.size());
    attributes_.resize((attributes_.size() + 3) / 4 * 4);
  }
  std::vector<std::byte> payload() const {
    std::vector<std::byte> bytes(sizeof body_);
    std::memcpy(bytes.data(), &body_, sizeof body_);
    bytes.insert(bytes.end(), attributes_.begin(), attributes_.end());
    return bytes;
  }
  std::optional<TcpSocket> read() const { return tcp::read_row(payload()); }

 private:
  void append(const void* data, std::size_t size) {
    const auto* const bytes = static_cast<const std::byte*>(data);
    attributes_.insert(attributes_.end(), bytes, bytes + size);
  }
  inet_diag_msg body_{};
  std::vector<std::byte> attributes_;
};

TEST(TcpDiag, ARowSaysStateEndsAndTimer) {
  Message message;
  message.body().idiag_state = 6;
  message.body().idiag_timer = 3;
  message.body().idiag_expires = 1852;
  const auto row = message.read();
  ASSERT_TRUE(row);
  EXPECT_EQ(row->state, TcpState::time_wait);
  EXPECT_EQ(row->timer, TcpTimer::time_wait);
  EXPECT_EQ(row->timer_remaining, std::chrono::milliseconds{1852});
  EXPECT_EQ(TcpEndpointText{row->local}.view(), "127.0.0.1:7788");
  EXPECT_EQ(TcpEndpointText{row->remote}.view(), "127.0.0.1:50000");
  EXPECT_FALSE(row->details);
}

TEST(TcpDiag, AHandshakeUnderWayIsSynReceivedUnderBothItsNumbers) {
  for (const std::uint8_t number : std::array<std::uint8_t, 2>{3, 12}) {
    Message message;
    message.body().idiag_state = number;
    EXPECT_EQ(message.read()->state, TcpState::syn_received);
  }
}

TEST(TcpDiag, WhatIsNoRowIsNotRead) {
  EXPECT_FALSE(tcp::read_row({}));
  const auto whole = Message{}.payload();
  EXPECT_FALSE(tcp::read_row(tcp::Bytes{whole}.first(whole.size() - 1)));
  Message other;
  other.body().idiag_state = 0;
  EXPECT_FALSE(other.read());
  other.body().idiag_state = 13;
  EXPECT_FALSE(other.read());
  Message unix_socket;
  unix_socket.body().idiag_family = AF_UNIX;
  EXPECT_FALSE(unix_socket.read());
  Message udp;
  udp.attribute(INET_DIAG_PROTOCOL, {IPPROTO_UDP});
  EXPECT_FALSE(udp.read());
}

TEST(TcpDiag, AnAttributeShorterOrLongerThanWeKnowIsReadAsFarAsItGoes) {
  Message shorter;
  shorter.attribute(INET_DIAG_INFO, {1, 0, 0});
  ASSERT_TRUE(shorter.read()->details);
  EXPECT_EQ(shorter.read()->details->rtt.count(), 0);
  Message longer;
  longer.attribute(INET_DIAG_INFO, std::vector<std::uint8_t>(4096, 1));
  EXPECT_EQ(longer.read()->details->rtt.count(), 0x01010101);
  Message lying;
  lying.attribute(INET_DIAG_INFO, {1, 2, 3, 4}, 4000);
  ASSERT_TRUE(lying.read());
  EXPECT_FALSE(lying.read()->details);
  Message empty;
  empty.attribute(INET_DIAG_INFO, {}, 2);
  EXPECT_TRUE(empty.read());
}

TEST(TcpDiag, AnErrorEndsADumpAndATornMessageIsNoticed) {
  struct {
    nlmsghdr head{};
    nlmsgerr error{};
  } message;
  message.head.nlmsg_len = sizeof message;
  message.head.nlmsg_type = NLMSG_ERROR;
  message.head.nlmsg_seq = 7;
  message.error.error = -EPERM;
  const tcp::Bytes bytes = std::as_bytes(std::span{&message, 1});
  const tcp::Visitor nobody{[](void*, const TcpSocket&) {}, nullptr};
  EXPECT_EQ(tcp::read_datagram(bytes, 7, nobody).error, EPERM);
  EXPECT_TRUE(tcp::read_datagram(bytes, 7, nobody).done);
  EXPECT_FALSE(tcp::read_datagram(bytes, 8, nobody).done);  // answers another request
  EXPECT_EQ(tcp::read_datagram(bytes.first(bytes.size() - 4), 7, nobody).error, EBADMSG);
}

// As a signed number it is less than what is there.
TEST(TcpDiag, ALengthOfMoreThanTwoToThe31IsTornToo) {
  nlmsghdr head{};
  head.nlmsg_len = 0xFFFF'FF28;
  head.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  const tcp::Visitor nobody{[](void*, const TcpSocket&) {}, nullptr};
  EXPECT_EQ(tcp::read_datagram(std::as_bytes(std::span{&head, 1}), 0, nobody).error, EBADMSG);
}

// With the kernel.

Socket listen_at(const char* host, sa_family_t family) {
  Socket socket{::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_storage address{};
  address.ss_family = family;
  if (family == AF_INET)
    ::inet_pton(family, host, &reinterpret_cast<sockaddr_in&>(address).sin_addr);
  else
    ::inet_pton(family, host, &reinterpret_cast<sockaddr_in6&>(address).sin6_addr);
  EXPECT_EQ(::bind(socket.descriptor(), reinterpret_cast<sockaddr*>(&address),
                   family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6)),
            0);
  EXPECT_EQ(::listen(socket.descriptor(), 5), 0);
  return socket;
}

net::SocketAddress address_of(const Socket& socket) {
  return *net::local_address(socket.descriptor());
}

std::uint16_t port_of(const Socket& socket) {
  return net::to_address(address_of(socket), Transport::tcp).port();
}

Socket connect_to(const Socket& listening) {
  const net::SocketAddress at = address_of(listening);
  Socket socket{::socket(at.family(), SOCK_STREAM | SOCK_CLOEXEC, 0)};
  EXPECT_EQ(::connect(socket.descriptor(), at.get(), at.length), 0);
  return socket;
}

std::vector<TcpSighting> look(const TcpFilter& filter) {
  auto watch = TcpWatch::open(
      {.filter = filter, .owners = true, .events = false, .trace = false, .packets = false});
  EXPECT_TRUE(watch);
  std::vector<TcpSighting> rows;
  const auto snapshot =
      watch->look([&](const TcpSighting& row) { rows.push_back(row); }, [](const TcpEvent&) {});
  EXPECT_TRUE(snapshot);
  return rows;
}

/// Those rows whose ends both have one of these ports (a listener's other end has 0): another
/// program's connection may have one of ours at one end.
std::vector<TcpSighting> look_between(const TcpFilter& filter,
                                      std::span<const std::uint16_t> ports) {
  auto rows = look(filter);
  std::erase_if(rows, [&](const TcpSighting& row) {
    return std::ranges::find(ports, row.socket.local.port) == ports.end() ||
           std::ranges::find(ports, row.socket.remote.port) == ports.end();
  });
  return rows;
}

TEST(TcpWatch, SeesAListenerItsQueueAndItsOwner) {
  const Socket listening = listen_at("127.0.0.1", AF_INET);
  const Socket client = connect_to(listening);
  TcpFilter filter;
  filter.port = port_of(listening);
  const auto rows =
      look_between(filter, std::array{port_of(listening), port_of(client), std::uint16_t{0}});
  ASSERT_EQ(rows.size(), 3U);
  for (const TcpSighting& row : rows) {
    if (row.socket.state != TcpState::listen) continue;
    EXPECT_EQ(row.socket.receive_queue, 1U);  // nobody has accepted
    EXPECT_EQ(row.socket.send_queue, 5U);
    EXPECT_EQ(row.socket.owner.pid, ::getpid());
    EXPECT_EQ(row.socket.drops, 0U);
  }
}

TEST(TcpWatch, TheKernelTakesEveryFilterAndMeansTheSame) {
  const Socket listening = listen_at("127.0.0.1", AF_INET);
  const Socket everywhere = listen_at("0.0.0.0", AF_INET);
  const Socket ipv6 = listen_at("::", AF_INET6);
  const Socket client = connect_to(listening);
  const Socket client6 = connect_to(ipv6);
  const TcpHost loopback = ipv4_host(std::array<std::uint8_t, 4>{127, 0, 0, 1});
  TcpHost loopback6{};
  loopback6.back() = 1;

  const std::array ours{port_of(listening), port_of(everywhere), port_of(ipv6),
                        port_of(client),    port_of(client6),    std::uint16_t{0}};
  const auto count = [&](const TcpFilter& filter) {
    const auto rows = look_between(filter, ours);
    for (const TcpSighting& row : rows)
      EXPECT_TRUE(filter.matches(row.socket.local, row.socket.remote) &&
                  filter.has_state(row.socket.state));
    return rows.size();
  };
  TcpFilter filter;
  filter.port = port_of(listening);
  EXPECT_EQ(count(filter), 3U);
  filter.hosts[filter.host_count++] = loopback;
  EXPECT_EQ(count(filter), 3U);
  filter.states = 1U << static_cast<unsigned>(TcpState::listen);
  EXPECT_EQ(count(filter), 1U);
  filter.port = port_of(everywhere);
  EXPECT_EQ(count(filter), 1U);  // the wildcard's
  filter.states = TcpFilter::kEveryState;
  filter.port = port_of(ipv6);
  filter.hosts[0] = loopback6;
  EXPECT_EQ(count(filter), 3U);
  filter.hosts[filter.host_count++] = loopback;
  for (; filter.host_count < TcpFilter::kMostHosts; ++filter.host_count)
    filter.hosts[filter.host_count] = TcpHost{1, filter.host_count};
  EXPECT_EQ(count(filter), 3U);
  filter.hosts[0] = TcpHost{2};
  filter.hosts[1] = TcpHost{3};
  EXPECT_EQ(count(filter), 1U);  // only the wildcard
}

TEST(TcpWatch, AnEndedConnectionIsTold) {
  const Socket listening = listen_at("127.0.0.1", AF_INET);
  TcpFilter filter;
  filter.port = port_of(listening);
  auto watch = TcpWatch::open(
      {.filter = filter, .owners = false, .events = true, .trace = false, .packets = false});
  ASSERT_TRUE(watch);
  std::vector<TcpEvent> events;
  const auto take = [&] {
    ASSERT_TRUE(watch->look([](const TcpSighting&) {},
                            [&](const TcpEvent& event) { events.push_back(event); }));
  };
  take();
  {
    const Socket client = connect_to(listening);
    take();
    // A reset leaves no TIME-WAIT.
    const linger abort{.l_onoff = 1, .l_linger = 0};
    ASSERT_EQ(::setsockopt(client.descriptor(), SOL_SOCKET, SO_LINGER, &abort, sizeof abort), 0);
  }
  const auto is_over = [&] {
    return std::ranges::any_of(events, [](const TcpEvent& event) {
      return event.from == TcpState::established && event.to == TcpState::closed && event.legal &&
             event.ended;
    });
  };
  for (int looks = 0; looks < 30'000 && !is_over(); ++looks) take();
  EXPECT_TRUE(is_over());
}

}  // namespace
}  // namespace headrace
