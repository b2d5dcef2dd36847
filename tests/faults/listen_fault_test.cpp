// SPDX-License-Identifier: MIT
//
// A listen(2) that says "in use" after a good bind has only lost a race with another that bound at
// the same instant; an owner that is there shows at bind(2).
#include <cerrno>
#include <cstdint>

#include <gtest/gtest.h>

#include "faulty_calls.hpp"
#include "headrace/address.hpp"
#include "net/socket.hpp"

namespace headrace::faults {
namespace {

class ListenFaults : public testing::Test {
 protected:
  ~ListenFaults() override { begin({}); }

  static Result<net::Socket> listen_at_port(std::uint16_t port) {
    const auto at =
        net::resolve(Address::ip(Transport::tcp, "127.0.0.1", port), true, net::Names::refuse);
    return net::listen_at(at->front(), {}, net::Sharing::first, net::Blocking::no);
  }
  static std::uint32_t count_of(Call call) { return counts()[static_cast<std::size_t>(call)]; }
};

TEST_F(ListenFaults, OneThatLostARaceIsTriedAgainWithANewSocket) {
  begin({Call::listen, 1, EADDRINUSE, 0});
  const auto listening = listen_at_port(0);
  ASSERT_TRUE(listening) << listening.error().reason();
  EXPECT_EQ(count_of(Call::listen), 2U);
  EXPECT_EQ(count_of(Call::bind), 2U);
  EXPECT_EQ(count_of(Call::close), 1U) << "the first socket is closed";
}

TEST_F(ListenFaults, AnotherErrorIsNotTriedAgain) {
  begin({Call::listen, 1, EACCES, 0});
  const auto listening = listen_at_port(0);
  ASSERT_FALSE(listening);
  EXPECT_EQ(listening.error().error, EACCES);
  EXPECT_EQ(count_of(Call::listen), 1U);
}

TEST_F(ListenFaults, APortThatIsHeldFailsAtBindAndIsNotTriedAgain) {
  const auto first = listen_at_port(0);
  ASSERT_TRUE(first);
  const auto at = net::local_address(first->descriptor());
  const std::uint16_t port = net::to_address(*at, Transport::tcp).port();
  begin({});
  const auto second = listen_at_port(port);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::address_in_use);
  EXPECT_EQ(count_of(Call::listen), 0U);
}

}  // namespace
}  // namespace headrace::faults
