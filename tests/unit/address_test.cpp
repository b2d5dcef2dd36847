// SPDX-License-Identifier: MIT
#include "headrace/address.hpp"

#include <cstddef>
#include <random>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace headrace {
namespace {

using namespace std::string_literals;

std::string text_of(const Address& address) { return std::string{AddressText{address}.view()}; }

struct Spelling {
  std::string written;
  std::string canonical;
};
const std::string kName253 = std::string(61, 'a') + std::string(192, 'b').replace(63, 1, ".");
const std::string kPath107 = "/" + std::string(106, 'p');

const Spelling kSpellings[] = {
    {"7788", "tcp://127.0.0.1:7788"},
    {":7788", "tcp://127.0.0.1:7788"},
    {"0", "tcp://127.0.0.1:0"},
    {"65535", "tcp://127.0.0.1:65535"},
    {"007788", "tcp://127.0.0.1:7788"},
    {"host:7788", "tcp://host:7788"},
    {"localhost:1", "tcp://localhost:1"},
    {"*:7788", "tcp://*:7788"},
    {"0.0.0.0:80", "tcp://0.0.0.0:80"},
    {"[::1]:7788", "tcp://[::1]:7788"},
    {"[::]:7788", "tcp://[::]:7788"},
    {"tcp://7788", "tcp://127.0.0.1:7788"},
    {"tcp://:7788", "tcp://127.0.0.1:7788"},
    {"tcp://a-b_c.example:80", "tcp://a-b_c.example:80"},
    {"tcp://Example.COM:80", "tcp://example.com:80"},
    {"tcp://example.com.:80", "tcp://example.com.:80"},
    {"TCP://*:80", "tcp://*:80"},
    {"udp://:53", "udp://127.0.0.1:53"},
    {"Udp://53", "udp://127.0.0.1:53"},
    {"udp://h:53", "udp://h:53"},
    {"[0:0:0:0:0:0:0:1]:80", "tcp://[::1]:80"},
    {"[FE80::1%eth0]:80", "tcp://[fe80::1%eth0]:80"},
    {"[2001:db8::1]:80", "tcp://[2001:db8::1]:80"},
    {"[::ffff:10.0.0.1]:80", "tcp://[::ffff:10.0.0.1]:80"},
    {kName253 + ":1", "tcp://" + kName253 + ":1"},
    {"unix:/tmp/x.sock", "unix:/tmp/x.sock"},
    {"unix:///tmp/x.sock", "unix:/tmp/x.sock"},
    {"unix:x", "unix:x"},
    {"unix:relative/x", "unix:relative/x"},
    {"unix:@name", "unix:@name"},
    {"unix://@name", "unix:@name"},
    {"unix:////tmp//x", "unix:/tmp//x"},
    {"UNIX:/Tmp/X", "unix:/Tmp/X"},
    {"unix:a:b", "unix:a:b"},
    {"unix:/tmp/\xe9\x80\x9a", "unix:/tmp/\xe9\x80\x9a"},
    {"unix:" + kPath107, "unix:" + kPath107},
    {"unix-datagram:/tmp/x", "unix-datagram:/tmp/x"},
    {"unix-datagram:@" + std::string(106, 'n'), "unix-datagram:@" + std::string(106, 'n')},
};

TEST(Address, EverySpellingIsWrittenCanonically) {
  for (const auto& [written, canonical] : kSpellings) {
    const auto address = Address::parse(written);
    ASSERT_TRUE(address) << written << ": " << address.error().call;
    EXPECT_EQ(text_of(*address), canonical);
  }
}

TEST(Address, ItsTextReadsBackAsItself) {
  for (const auto& [written, canonical] : kSpellings) {
    const auto address = Address::parse(written);
    const auto again = Address::parse(canonical);
    ASSERT_TRUE(address && again) << written;
    EXPECT_EQ(*again, *address) << written;
  }
}

struct Fault {
  std::string written;
  std::string_view message;
};

constexpr auto kAboveLimit = "port is above 65535";
constexpr auto kBlank = "a space or control character";
constexpr auto kBrackets = "an IPv6 address with a port needs brackets: [::1]:7788";
constexpr auto kNotInBrackets = "not an IPv6 address in the brackets";
constexpr auto kNotIpv4 = "not an IPv4 address";
constexpr auto kNotInNames = "a host name has only letters, digits, '-', '.' and '_'";
constexpr auto kPathNeedsScheme = "a path needs 'unix:' before it: unix:/tmp/x";
constexpr auto kScheme = "unknown scheme; use tcp, udp, unix or unix-datagram";
constexpr auto kSlashes = "write tcp://host:port or udp://host:port";

const Fault kFaults[] = {
    {"", "empty address"},
    {"65536", kAboveLimit},
    {":99999", kAboveLimit},
    {"host:184467440737095516160", kAboveLimit},
    {"host:", "missing port"},
    {"host", "missing port"},
    {"127.0.0.1", "missing port"},
    {"tcp://", "missing port"},
    {"udp://host", "missing port"},
    {"[::1]", "missing port"},
    {"[::1]:", "missing port"},
    {"host:http", "port is not a number"},
    {"host:-1", "port is not a number"},
    {"host:+1", "port is not a number"},
    {"tcp://h:80/", "port is not a number"},
    {"::1", kBrackets},
    {"::1:7788", kBrackets},
    {"tcp://::1:80", kBrackets},
    {"fe80::1:80", kBrackets},
    {"[::1", "missing ']'"},
    {"[::1]7788", "after ']' comes ':' and the port"},
    {"[]:80", kNotInBrackets},
    {"[127.0.0.1]:80", kNotInBrackets},
    {"[*]:80", kNotInBrackets},
    {"[::1%]:80", kNotInBrackets},
    {"[::1%a/b]:80", kNotInBrackets},
    {"[fe80::1%sixteen-letters.]:80", kNotInBrackets},
    {"[" + std::string(300, ':') + "]:80", kNotInBrackets},
    {"300.0.0.1:80", kNotIpv4},
    {"127.1:80", kNotIpv4},
    {"1:80", kNotIpv4},
    {"010.0.0.1:80", kNotIpv4},
    {"0x7f000001:80", kNotIpv4},
    {"a b:80", kBlank},
    {" 7788", kBlank},
    {"7788\n", kBlank},
    {"h\0st:80"s, kBlank},
    {"unix:/tmp/a\0b"s, kBlank},
    {"unix:a\x7f", kBlank},
    {"user@host:80", kNotInNames},
    {"h\xc3\xb6st:80", kNotInNames},
    {"**:80", kNotInNames},
    {".host:80", "host name has an empty part"},
    {"a..b:80", "host name has an empty part"},
    {kName253 + "x:1", "host name is longer than 253 bytes"},
    {"http://host:80", kScheme},
    {"unix-stream:/x", kScheme},
    {"://host:80", kScheme},
    {"tcp:7788", kSlashes},
    {"udp:/h:1", kSlashes},
    {"/tmp/x.sock", kPathNeedsScheme},
    {"./x", kPathNeedsScheme},
    {"@name", kPathNeedsScheme},
    {"unix:", "missing path"},
    {"unix:@", "missing path"},
    {"unix://tmp/x", "after unix:// comes an absolute path: unix:///tmp/x"},
    {"unix://", "after unix:// comes an absolute path: unix:///tmp/x"},
    {"unix:" + kPath107 + "p", "path is longer than 107 bytes"},
    {"tcp://:80?a=b", "unknown option"},
    {"unix:/x?a=b", "unknown option"},
};

TEST(Address, EveryFaultIsRefusedWithItsReason) {
  for (const auto& [written, message] : kFaults) {
    const auto address = Address::parse(written);
    ASSERT_FALSE(address) << written << ": " << text_of(*address);
    EXPECT_EQ(address.error().code, Errc::invalid_address) << written;
    EXPECT_EQ(address.error().call, message) << written;
  }
}

TEST(Address, TellsItsParts) {
  const auto tcp = Address::parse("[::1]:7788");
  ASSERT_TRUE(tcp);
  EXPECT_EQ(tcp->transport(), Transport::tcp);
  EXPECT_EQ(tcp->host(), "::1");
  EXPECT_EQ(tcp->port(), 7788);
  EXPECT_EQ(tcp->path(), "");
  EXPECT_TRUE(tcp->is_stream());
  EXPECT_FALSE(tcp->is_unix());

  const auto local = Address::parse("unix-datagram:@name");
  ASSERT_TRUE(local);
  EXPECT_EQ(local->transport(), Transport::unix_datagram);
  EXPECT_EQ(local->host(), "");
  EXPECT_EQ(local->path(), "@name");
  EXPECT_FALSE(local->is_stream());
  EXPECT_TRUE(local->is_unix());
}

TEST(Address, WithoutAHostIsLoopback) {
  EXPECT_EQ(Address::ip(Transport::udp, "", 9), Address::ip(Transport::udp, "127.0.0.1", 9));
}

TEST(Address, AnotherPortChangesNothingElse) {
  const Address address = Address::ip(Transport::tcp, "::1", 0);
  EXPECT_EQ(address.with_port(80), Address::ip(Transport::tcp, "::1", 80));
  EXPECT_EQ(address.port(), 0);
}

TEST(Address, DiffersByEachOfItsParts) {
  const Address address = Address::ip(Transport::tcp, "h", 1);
  EXPECT_NE(address, Address::ip(Transport::udp, "h", 1));
  EXPECT_NE(address, Address::ip(Transport::tcp, "i", 1));
  EXPECT_NE(address, Address::ip(Transport::tcp, "h", 2));
  EXPECT_NE(Address::local(Transport::unix_stream, "x"),
            Address::local(Transport::unix_datagram, "x"));
}

TEST(Address, TheLongestOneFitsItsText) {
  const std::string host(Address::kLongestHost, ':');  // no host, but brackets make it longest
  EXPECT_EQ(text_of(Address::ip(Transport::tcp, host, 65535)), "tcp://[" + host + "]:65535");
}

TEST(Address, BytesOfAUnixNameAreLeftAsTheyAre) {
  std::string name = "@\0\x01\xff"s;
  name.append(104, '\n');  // the kernel's longest
  EXPECT_EQ(text_of(Address::local(Transport::unix_datagram, name)), "unix-datagram:" + name);
}

// Pieces of the grammar, and what is nearly one, in any order: far more of these parse, or fail
// late, than of random bytes.
std::string random_text(std::mt19937& random) {
  static const std::string pieces[] = {"tcp",
                                       "udp",
                                       "unix",
                                       "unix-datagram",
                                       "UNIX",
                                       ":",
                                       "/",
                                       "//",
                                       "://",
                                       "@",
                                       "[",
                                       "]",
                                       "::",
                                       "%",
                                       "*",
                                       ".",
                                       "..",
                                       "0",
                                       "1",
                                       "7788",
                                       "65535",
                                       "65536",
                                       "127.0.0.1",
                                       "0x7f",
                                       "::1",
                                       "fe80::1",
                                       "?",
                                       "lo",
                                       "a",
                                       "Z",
                                       "-",
                                       "_",
                                       "localhost",
                                       " ",
                                       "\0"s,
                                       "\x7f",
                                       "\xff",
                                       "[::1]",
                                       std::string(60, 'h')};
  const auto below = [&random](std::size_t end) { return random() % end; };
  std::string text;
  for (std::size_t count = below(7); count > 0; --count) {
    if (below(16) == 0) {
      text.push_back(static_cast<char>(below(256)));
    } else {
      text += pieces[below(std::size(pieces))];
    }
  }
  return text;
}

TEST(Address, WhateverParsesReadsBackAsItself) {
  std::mt19937 random{20240229};
  int good = 0;
  for (int i = 0; i < 100'000; ++i) {
    const std::string text = random_text(random);
    const auto address = Address::parse(text);
    if (!address) {
      ASSERT_EQ(address.error().code, Errc::invalid_address);
      ASSERT_STRNE(address.error().call, "") << text;
      continue;
    }
    ++good;
    const auto again = Address::parse(text_of(*address));
    ASSERT_TRUE(again) << text << ": " << again.error().call;
    ASSERT_EQ(*again, *address) << text;
  }
  EXPECT_GT(good, 1'000);  // else the loop tests only refusals
}

}  // namespace
}  // namespace headrace
