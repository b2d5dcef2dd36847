// SPDX-License-Identifier: MIT
//
// PacketCapture on the loopback interface: what passes its filter, once, and with headers only.
#include "tcp_state/packets.hpp"

#include <algorithm>
#include <string>

#include <poll.h>

#include <gtest/gtest.h>

#include "net/socket.hpp"

namespace headrace::tcp_state {
namespace {

constexpr int kPatienceMs = 30'000;

// A connection made, used and closed on loopback.
class Conversation {
 public:
  explicit Conversation(const char* host) {
    const auto at = net::resolve(*Address::parse(std::string{"tcp://"} + host + ":0"), true,
                                 net::Names::refuse);
    listening_ =
        std::move(*net::listen_at(at->front(), {}, net::Sharing::first, net::Blocking::yes));
    port_ = net::to_address(*net::local_address(listening_.descriptor()), Transport::tcp).port();
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }

  void hold(const std::string& said) const {
    const auto at = net::local_address(listening_.descriptor());
    const auto client = net::make_stream_socket(at->family(), net::Blocking::yes);
    ASSERT_EQ(sys::connect(client->descriptor(), at->get(), at->length), 0);
    const net::Socket server{sys::accept4(listening_.descriptor(), nullptr, nullptr, 0)};
    ASSERT_EQ(sys::send(client->descriptor(), said.data(), said.size(), 0),
              static_cast<ssize_t>(said.size()));
    std::string heard(said.size(), ' ');
    ASSERT_EQ(sys::recv(server.descriptor(), heard.data(), heard.size(), MSG_WAITALL),
              static_cast<ssize_t>(said.size()));
  }

 private:
  net::Socket listening_;
  std::uint16_t port_ = 0;
};

// Everything until both sides have closed or one has reset.
std::vector<Segment> until_closed(PacketCapture& capture) {
  std::vector<Segment> seen;
  const auto ends = [&] {
    return std::ranges::count_if(seen, [](const Segment& s) { return s.has(kFin); }) == 2 ||
           std::ranges::any_of(seen, [](const Segment& s) { return s.has(kRst); });
  };
  while (!ends()) {
    pollfd entry{.fd = capture.descriptor(), .events = POLLIN, .revents = 0};
    if (sys::poll(&entry, 1, kPatienceMs) != 1) ADD_FAILURE() << "nothing comes";
    if (::testing::Test::HasFailure()) break;
    capture.take(seen, 1000);
  }
  return seen;
}

std::uint64_t count_with(const std::vector<Segment>& seen, std::uint8_t bits) {
  return static_cast<std::uint64_t>(
      std::ranges::count_if(seen, [&](const Segment& s) { return s.has(bits); }));
}

class Packets : public testing::TestWithParam<Interfaces> {
 protected:
  Result<PacketCapture> capture(Wanted wanted, std::uint16_t port) {
    return PacketCapture::open({.wanted = wanted, .interfaces = GetParam(), .ports = {port}});
  }
  void SetUp() override {
    const auto possible = PacketCapture::open({});
    if (!possible) GTEST_SKIP() << "no packet sockets: " << possible.error().reason();
  }
};

TEST_P(Packets, EachSegmentIsSeenOnce) {
  const Conversation talk{"127.0.0.1"};
  auto all = capture(Wanted::all, talk.port());
  ASSERT_TRUE(all);
  talk.hold(std::string(30'000, 'x'));
  const auto seen = until_closed(*all);
  EXPECT_EQ(count_with(seen, kSyn), 2U);
  EXPECT_EQ(count_with(seen, kSyn | kAck), 1U);
  std::uint64_t bytes = 0;
  for (const Segment& segment : seen) bytes += segment.length;
  EXPECT_EQ(bytes, 30'000U);
  EXPECT_TRUE(std::ranges::is_sorted(seen, {}, &Segment::time_ns));
  EXPECT_EQ(all->counts().dropped, 0U);
  EXPECT_GE(all->counts().passed, seen.size());
}

TEST_P(Packets, OpeningsAndClosingsAreAllThatTheShortFilterPasses) {
  const Conversation talk{"127.0.0.1"};
  auto few = capture(Wanted::openings_and_closings, talk.port());
  ASSERT_TRUE(few);
  talk.hold("hello");
  for (const Segment& segment : until_closed(*few))
    EXPECT_NE(segment.bits & (kSyn | kFin | kRst), 0) << unsigned{segment.bits};
}

TEST_P(Packets, OtherPortsDoNotPass) {
  const Conversation talk{"127.0.0.1"}, aside{"127.0.0.1"};
  auto all = capture(Wanted::all, talk.port());
  ASSERT_TRUE(all);
  aside.hold("not for us");
  talk.hold("hello");
  for (const Segment& segment : until_closed(*all))
    EXPECT_TRUE(segment.source.port == talk.port() || segment.destination.port == talk.port());
}

TEST_P(Packets, Ipv6IsSeenToo) {
  if (!net::resolve(*Address::parse("tcp://[::1]:0"), true, net::Names::refuse) ||
      !net::is_own_address(
          net::resolve(*Address::parse("tcp://[::1]:0"), true, net::Names::refuse)->front()))
    GTEST_SKIP() << "no IPv6 here";
  const Conversation talk{"[::1]"};
  auto all = capture(Wanted::all, talk.port());
  ASSERT_TRUE(all);
  talk.hold("hello");
  const auto seen = until_closed(*all);
  EXPECT_EQ(count_with(seen, kSyn), 2U);
  EXPECT_FALSE(is_ipv4(seen.front().source.host));
}

INSTANTIATE_TEST_SUITE_P(Interfaces, Packets,
                         testing::Values(Interfaces::loopback, Interfaces::every),
                         [](const auto& tested) {
                           return tested.param == Interfaces::loopback ? "Loopback" : "Every";
                         });

}  // namespace
}  // namespace headrace::tcp_state
