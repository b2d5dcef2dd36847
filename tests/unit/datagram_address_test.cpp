// SPDX-License-Identifier: MIT
//
// Addresses, groups and interfaces as the users of send and receive write them.
#include "datagrams/datagram_address.hpp"

#include <gtest/gtest.h>

namespace headrace::tool {
namespace {

std::string text_of_address(std::string_view text) {
  const auto address = parse_datagram_address(text);
  return address ? std::string{AddressText{*address}.view()} : "not: " + address.error();
}

TEST(DatagramAddress, WithoutASchemeIsUdp) {
  EXPECT_EQ(text_of_address("7789"), "udp://127.0.0.1:7789");
  EXPECT_EQ(text_of_address(":7789"), "udp://127.0.0.1:7789");
  EXPECT_EQ(text_of_address("*:7789"), "udp://*:7789");
  EXPECT_EQ(text_of_address("Example.org:7789"), "udp://example.org:7789");
  EXPECT_EQ(text_of_address("[::1]:7789"), "udp://[::1]:7789");
  EXPECT_EQ(text_of_address("UDP://broadcast:21567"), "udp://broadcast:21567");
  EXPECT_EQ(text_of_address("unix-datagram:/tmp/x"), "unix-datagram:/tmp/x");
  EXPECT_EQ(text_of_address("unix-datagram:@x"), "unix-datagram:@x");
}

TEST(DatagramAddress, OfAStreamIsRefusedWithWhatToWrite) {
  EXPECT_TRUE(text_of_address("tcp://127.0.0.1:1").ends_with("did you mean 'udp://127.0.0.1:1'?"));
  EXPECT_TRUE(text_of_address("TCP://[::1]:1").ends_with("did you mean 'udp://[::1]:1'?"));
  EXPECT_TRUE(text_of_address("unix:/tmp/x").ends_with("did you mean 'unix-datagram:/tmp/x'?"));
  EXPECT_TRUE(text_of_address("/tmp/x").ends_with("did you mean 'unix-datagram:/tmp/x'?"));
  EXPECT_TRUE(text_of_address("hello").starts_with("not: 'hello' is no address"));
}

TEST(Group, IsAMulticastAddress) {
  for (const char* text : {"224.0.0.1", "239.255.255.255", "ff02::1", "[ff02::1]", "ff02::1%lo"})
    EXPECT_TRUE(parse_group(text)) << text;
  for (const char* text : {"10.0.0.1", "fe80::1", "223.255.255.255", "240.0.0.0", "broadcast", "",
                           "example.org", "*", "239.1.2.3:5000"})
    EXPECT_FALSE(parse_group(text)) << text;
  EXPECT_EQ(parse_group("ff02::1%nosuch").error(),
            "'ff02::1%nosuch' is no group: there is no such interface");
}

TEST(Interface, IsOneOfThisMachine) {
  EXPECT_EQ(parse_interface("lo").value(), "lo");
  EXPECT_TRUE(
      parse_interface("nosuch").error().starts_with("there is no interface 'nosuch'; "
                                                    "this machine has "));
  EXPECT_FALSE(parse_interface(""));
}

TEST(Endpoints, OfANumericAddressAreOne) {
  const auto endpoints = endpoints_of(Address::ip(Transport::udp, "127.0.0.1", 7789));
  ASSERT_TRUE(endpoints);
  ASSERT_EQ(endpoints->size(), 1U);
  EXPECT_EQ(endpoints->front().port(), 7789);
}

}  // namespace
}  // namespace headrace::tool
