// SPDX-License-Identifier: MIT
#include "net/socket.hpp"

#include <barrier>
#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace headrace::net {
namespace {

constexpr int kPatienceMs = 5000;

std::string text_of(const SocketAddress& address) {
  return std::string{AddressText{to_address(address, Transport::tcp)}.view()};
}

SocketAddress resolved(std::string_view text, bool passive = true) {
  const auto address = Address::parse(text);
  EXPECT_TRUE(address) << text;
  const auto found = resolve(*address, passive, Names::refuse);
  EXPECT_TRUE(found) << text << ": " << found.error().reason();
  return found ? found->front() : SocketAddress{};
}

Result<Socket> listen_first(const SocketAddress& at) {
  return listen_at(at, {}, Sharing::first, Blocking::no);
}
Result<Socket> listen_first(std::string_view text) { return listen_first(resolved(text)); }

SocketAddress address_of(const Socket& socket) {
  const auto address = local_address(socket.descriptor());
  EXPECT_TRUE(address);
  return *address;
}

std::uint16_t port_of(const Socket& socket) {
  return to_address(address_of(socket), Transport::tcp).port();
}

std::string at_port(std::string_view host, std::uint16_t port) {
  return std::string{host} + ":" + std::to_string(port);
}

// Connected when this returns: the kernel shakes hands for a listener that does not accept yet.
Socket connect_to(const SocketAddress& at) {
  auto client = make_stream_socket(at.family(), Blocking::yes);
  EXPECT_TRUE(client);
  EXPECT_EQ(sys::connect(client->descriptor(), at.get(), at.length), 0) << text_of(at);
  return std::move(*client);
}

bool becomes_readable(const Socket& socket) {
  pollfd entry{.fd = socket.descriptor(), .events = POLLIN, .revents = 0};
  return sys::poll(&entry, 1, kPatienceMs) == 1;
}

Socket accept_from(const Socket& listening) {
  EXPECT_TRUE(becomes_readable(listening));
  return Socket{sys::accept4(listening.descriptor(), nullptr, nullptr, SOCK_CLOEXEC)};
}

// A loopback address of this process: a port that was free there stays free, as clients elsewhere,
// whose ports the kernel picks, have 127.0.0.1.
std::string own_host() {
  const auto pid = static_cast<unsigned>(::getpid());
  return "127.31." + std::to_string(pid / 250 % 250) + "." + std::to_string(pid % 250 + 1);
}

bool has_ipv6() { return is_own_address(resolved("[::1]:0")); }

int option_of(const Socket& socket, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  EXPECT_EQ(sys::getsockopt(socket.descriptor(), level, name, &value, &size), 0);
  return value;
}

TEST(Socket, ClosesItsDescriptorOnce) {
  int descriptor = -1;
  {
    auto made = make_stream_socket(AF_INET, Blocking::yes);
    ASSERT_TRUE(made);
    descriptor = made->descriptor();
    Socket moved = std::move(*made);
    EXPECT_EQ(moved.descriptor(), descriptor);
    EXPECT_GE(::fcntl(descriptor, F_GETFD), 0);
  }
  EXPECT_EQ(::fcntl(descriptor, F_GETFD), -1);
}

TEST(Socket, IsMadeAsAskedAndNeverInherited) {
  for (const int family : {AF_INET, AF_UNIX}) {
    const auto blocking = make_stream_socket(family, Blocking::yes);
    const auto other = make_stream_socket(family, Blocking::no);
    ASSERT_TRUE(blocking && other);
    EXPECT_EQ(::fcntl(blocking->descriptor(), F_GETFL) & O_NONBLOCK, 0);
    EXPECT_NE(::fcntl(other->descriptor(), F_GETFL) & O_NONBLOCK, 0);
    EXPECT_EQ(::fcntl(other->descriptor(), F_GETFD), FD_CLOEXEC);
  }
}

TEST(Socket, StreamsAreNeverDelayed) {
  const auto listening = listen_first("127.0.0.1:0");
  ASSERT_TRUE(listening);
  const Socket client = connect_to(address_of(*listening));
  const Socket peer = accept_from(*listening);
  EXPECT_NE(option_of(client, IPPROTO_TCP, TCP_NODELAY), 0);
  EXPECT_NE(option_of(peer, IPPROTO_TCP, TCP_NODELAY), 0);  // inherited from the listener
}

TEST(Socket, PreparingAUnixSocketDoesNoHarm) {
  const auto socket = make_stream_socket(AF_UNIX, Blocking::yes);
  ASSERT_TRUE(socket);
  prepare_stream(socket->descriptor());
  EXPECT_EQ(option_of(*socket, SOL_SOCKET, SO_ERROR), 0);
}

TEST(Resolve, ANumericAddressIsItself) {
  for (const auto* const text :
       {"tcp://127.0.0.1:7788", "tcp://0.0.0.0:1", "tcp://[::1]:7788", "tcp://[2001:db8::1]:65535"})
    EXPECT_EQ(text_of(resolved(text, false)), text);
}

TEST(Resolve, AMappedAddressIsShownAsIpv4) {
  EXPECT_EQ(text_of(resolved("[::ffff:10.0.0.1]:80")), "tcp://10.0.0.1:80");
}

TEST(Resolve, ALinkLocalAddressKeepsItsZone) {
  EXPECT_EQ(text_of(resolved("[fe80::1%lo]:80")), "tcp://[fe80::1%lo]:80");
}

TEST(Resolve, AZoneWithoutAnInterfaceIsShownByItsNumber) {
  SocketAddress address = resolved("[fe80::1%lo]:80");
  reinterpret_cast<sockaddr_in6&>(address.storage).sin6_scope_id = 4'000'000'000;
  EXPECT_EQ(text_of(address), "tcp://[fe80::1%4000000000]:80");
}

TEST(Resolve, AnUnknownInterfaceIsRefusedWithoutAskingAServer) {
  const auto found = resolve(*Address::parse("[fe80::1%nosuch0]:80"), false, Names::refuse);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Errc::name_not_found);
}

TEST(Resolve, LocalhostIsBothLoopbacksWithoutAskingAServer) {
  for (const bool passive : {false, true}) {
    const auto found = resolve(*Address::parse("localhost:80"), passive, Names::refuse);
    ASSERT_TRUE(found);
    ASSERT_EQ(found->size(), has_ipv6() ? 2U : 1U);
    EXPECT_EQ(text_of(found->front()), "tcp://127.0.0.1:80");
    EXPECT_EQ(text_of(found->back()), has_ipv6() ? "tcp://[::1]:80" : "tcp://127.0.0.1:80");
  }
}

TEST(Resolve, TheStarIsEveryAddressToBindAndLoopbackToConnect) {
  // Where IPv6 is only switched off [::] can still be bound, and takes IPv4.
  const bool both = is_own_address(resolved("[::]:0"));
  EXPECT_EQ(text_of(resolved("*:80", true)), both ? "tcp://[::]:80" : "tcp://0.0.0.0:80");
  EXPECT_EQ(text_of(resolved("*:80", false)), "tcp://127.0.0.1:80");
}

TEST(Resolve, ANameWouldHaveToWait) {
  const auto found = resolve(*Address::parse("example.com:80"), false, Names::refuse);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Errc::would_wait);
}

TEST(Resolve, AUnixPathEndsWithItsNulAndAnAbstractNameDoesNot) {
  constexpr auto kStart = offsetof(sockaddr_un, sun_path);
  const SocketAddress path = resolved("unix:/tmp/x");
  EXPECT_EQ(path.length, kStart + sizeof "/tmp/x");
  EXPECT_EQ(to_address(path, Transport::unix_stream).path(), "/tmp/x");

  const SocketAddress name = resolved("unix:@x");
  EXPECT_EQ(name.length, kStart + 2);
  EXPECT_EQ(to_address(name, Transport::unix_stream).path(), "@x");
}

TEST(Resolve, AnUnnamedUnixSocketHasNoPath) {
  const auto socket = make_stream_socket(AF_UNIX, Blocking::yes);
  ASSERT_TRUE(socket);
  EXPECT_EQ(to_address(address_of(*socket), Transport::unix_stream).path(), "");
  const auto found = resolve(Address::local(Transport::unix_stream, ""), true, Names::refuse);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Errc::invalid_address);
}

TEST(Resolve, TheLongestUnixAddressesOfTheKernelArriveWhole) {
  SocketAddress address;
  auto& form = reinterpret_cast<sockaddr_un&>(address.storage);
  form.sun_family = AF_UNIX;
  std::memset(form.sun_path, 'x', sizeof form.sun_path);  // no room for a NUL: the kernel allows it
  address.length = sizeof form;
  EXPECT_EQ(to_address(address, Transport::unix_stream).path(), std::string(108, 'x'));
  form.sun_path[0] = '\0';
  EXPECT_EQ(to_address(address, Transport::unix_stream).path(), "@" + std::string(107, 'x'));
}

TEST(Listen, PortZeroIsChosenByTheKernel) {
  const auto listening = listen_first("127.0.0.1:0");
  ASSERT_TRUE(listening);
  EXPECT_NE(port_of(*listening), 0);
}

TEST(Listen, BothEndsTellTheirAddresses) {
  const auto listening = listen_first("127.0.0.1:0");
  ASSERT_TRUE(listening);
  const Socket client = connect_to(address_of(*listening));
  const Socket peer = accept_from(*listening);
  EXPECT_EQ(text_of(*peer_address(client.descriptor())), text_of(address_of(*listening)));
  EXPECT_EQ(text_of(*peer_address(peer.descriptor())), text_of(address_of(client)));
  EXPECT_EQ(peer_address(listening->descriptor()).error().code, Errc::broken_pipe);
  EXPECT_EQ(local_address(-1).error().error, EBADF);
}

TEST(Listen, ASecondInstanceIsRefused) {
  const auto first = listen_first("127.0.0.1:0");
  ASSERT_TRUE(first);
  const auto second = listen_first(address_of(*first));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::address_in_use);
  EXPECT_STREQ(second.error().call, "bind");
}

TEST(Listen, ASecondInstanceIsRefusedAlsoWhenWorkersHaveJoined) {
  const auto first = listen_first("127.0.0.1:0");
  ASSERT_TRUE(first);
  const SocketAddress at = address_of(*first);
  const auto worker = listen_at(at, {}, Sharing::join, Blocking::no);
  ASSERT_TRUE(worker) << worker.error().reason();
  const auto second = listen_first(at);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::address_in_use);
}

TEST(Listen, AWildcardIsRefusedWhereOneAddressIsTaken) {
  const auto first = listen_first("127.0.0.1:0");
  ASSERT_TRUE(first);
  for (const auto* const host : {"*", "0.0.0.0", "[::]"}) {
    const auto second = listen_first(at_port(host, port_of(*first)));
    ASSERT_FALSE(second) << host;
    EXPECT_EQ(second.error().code, Errc::address_in_use) << host;
  }
}

TEST(Listen, ThePortCanBeBoundAgainAtOnceAfterTheServerClosesFirst) {
  SocketAddress at;
  {
    const auto first = listen_first(at_port(own_host(), 0));
    ASSERT_TRUE(first);
    at = address_of(*first);
    const Socket client = connect_to(at);
    accept_from(*first);  // closed at once: our side stays in TIME_WAIT
    EXPECT_TRUE(becomes_readable(client));
  }
  const auto again = listen_first(at);
  EXPECT_TRUE(again) << again.error().reason();
}

TEST(Listen, OfTwoAtTheSameMomentExactlyOneWins) {
  constexpr int kRounds = 200;
  SocketAddress at;
  {
    const auto free_port = listen_first(at_port(own_host(), 0));
    ASSERT_TRUE(free_port);
    at = address_of(*free_port);
  }
  std::barrier together{2};
  Result<Socket> outcomes[2];
  const auto race = [&](int me) {
    for (int round = 0; round < kRounds; ++round) {
      together.arrive_and_wait();
      outcomes[me] = listen_first(at);
      together.arrive_and_wait();
      if (me == 0) {
        EXPECT_NE(outcomes[0].has_value(), outcomes[1].has_value()) << "in round " << round;
        for (auto& outcome : outcomes) {
          EXPECT_TRUE(outcome || outcome.error().code == Errc::address_in_use);
          outcome = Socket{};
        }
      }
      together.arrive_and_wait();
    }
  };
  std::thread other{race, 1};
  race(0);
  other.join();
}

TEST(Listen, WorkersShareTheConnections) {
  const auto first = listen_first("127.0.0.1:0");
  ASSERT_TRUE(first);
  const SocketAddress at = address_of(*first);
  const auto worker = listen_at(at, {}, Sharing::join, Blocking::no);
  ASSERT_TRUE(worker) << worker.error().reason();

  // The kernel deals by a hash of the client's port: 64 at one worker would be no chance (2^-63).
  std::vector<Socket> clients;
  for (int i = 0; i < 64; ++i) clients.push_back(connect_to(at));
  std::size_t accepted[2] = {};
  pollfd entries[2] = {{first->descriptor(), POLLIN, 0}, {worker->descriptor(), POLLIN, 0}};
  while (accepted[0] + accepted[1] < clients.size() && sys::poll(entries, 2, kPatienceMs) > 0) {
    for (std::size_t i = 0; i < 2; ++i)
      accepted[i] += Socket{sys::accept4(entries[i].fd, nullptr, nullptr, 0)}.is_open() ? 1U : 0U;
  }
  EXPECT_GT(accepted[0], 0U);
  EXPECT_GT(accepted[1], 0U);
  EXPECT_EQ(accepted[0] + accepted[1], clients.size());
}

TEST(Listen, AWildcardTakesEveryFamilyThereIs) {
  std::vector<std::string_view> wildcards{"*"};
  std::vector<std::string_view> loopbacks{"127.0.0.1"};
  if (has_ipv6()) {
    wildcards.push_back("[::]");
    loopbacks.push_back("[::1]");
  }
  for (const std::string_view host : wildcards) {
    const auto listening = listen_first(at_port(host, 0));
    ASSERT_TRUE(listening) << host;
    for (const std::string_view loopback : loopbacks) {
      const Socket client = connect_to(resolved(at_port(loopback, port_of(*listening)), false));
      const Socket peer = accept_from(*listening);
      EXPECT_EQ(text_of(*peer_address(peer.descriptor())), text_of(address_of(client)));
    }
  }
}

TEST(Listen, TheIpv4WildcardLeavesIpv6Alone) {
  const auto listening = listen_first("0.0.0.0:0");
  ASSERT_TRUE(listening);
  const SocketAddress at = resolved(at_port("[::1]", port_of(*listening)), false);
  const auto client = make_stream_socket(AF_INET6, Blocking::yes);
  if (!client) {  // a kernel without IPv6 leaves nothing to connect with
    EXPECT_EQ(client.error().error, EAFNOSUPPORT);
    return;
  }
  EXPECT_EQ(sys::connect(client->descriptor(), at.get(), at.length),
            has_ipv6() ? -ECONNREFUSED : -EADDRNOTAVAIL);
}

TEST(Listen, AnAddressOfAnotherMachineIsUnavailable) {
  const auto listening = listen_first("192.0.2.1:0");  // TEST-NET-1, RFC 5737: nobody has it
  ASSERT_FALSE(listening);
  EXPECT_EQ(listening.error().code, Errc::address_unavailable);
  EXPECT_FALSE(is_own_address(resolved("192.0.2.1:0")));
  EXPECT_TRUE(is_own_address(resolved("127.0.0.1:1")));
}

TEST(Listen, TheBacklogIsCutToTheKernelsCap) {
  const int cap = effective_backlog(-1);  // without sign the largest there is
  EXPECT_GT(cap, 0);
  EXPECT_EQ(effective_backlog(1), 1);
  EXPECT_EQ(effective_backlog(1'000'000'000), cap);
}

}  // namespace
}  // namespace headrace::net
