// SPDX-License-Identifier: MIT
//
// A datagram as it is shown, in each of the forms.
#include "datagrams/arrival.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace headrace::tool {
namespace {

using namespace std::string_literals;

const Address kSender = Address::ip(Transport::udp, "127.0.0.1", 59838);

Decoded in_capitals(std::string_view bytes) {
  Decoded capitals{.text = std::string{bytes}};
  for (char& letter : capitals.text) letter = static_cast<char>(letter - 'a' + 'A');
  return capitals;
}

Decoded with_an_invalid_byte(std::string_view) { return {.text = "\uFFFD", .invalid = 1}; }
Decoded as_it_came(std::string_view bytes) { return {.text = std::string{bytes}}; }

std::string line(std::string_view bytes, bool for_person) {
  return shown({.sender = kSender, .bytes = bytes}, {.for_person = for_person});
}

nlohmann::json json(const Arrival& arrival, const Decode& decode = as_it_came) {
  const std::string text = shown(arrival, {.form = Form::json, .decode = decode});
  EXPECT_TRUE(text.ends_with('\n'));
  EXPECT_EQ(text.find('\n'), text.size() - 1);
  return nlohmann::json::parse(text);
}

TEST(ArrivalLine, HasSenderAndContent) {
  EXPECT_EQ(line("1111", true), "udp://127.0.0.1:59838 1111\n");
  EXPECT_EQ(line("", true), "udp://127.0.0.1:59838 \n");
  EXPECT_EQ(line("你好", true), "udp://127.0.0.1:59838 你好\n");
}

TEST(ArrivalLine, IsEscapedForAPersonAndRawElsewhere) {
  EXPECT_EQ(line("a\x1b[2J\nb\\", true), "udp://127.0.0.1:59838 a\\x1b[2J\\nb\\\\\n");
  EXPECT_EQ(line("a\x1b[2J\nb\\", false), "udp://127.0.0.1:59838 a\x1b[2J\nb\\\n");
  EXPECT_EQ(line("hello\n", false), "udp://127.0.0.1:59838 hello\n");
  EXPECT_EQ(line("\xc4\xe3", false), "udp://127.0.0.1:59838 \xc4\xe3\n");
}

TEST(ArrivalLine, IsDecodedWhereAskedFor) {
  EXPECT_EQ(shown({.sender = kSender, .bytes = "abc"}, {.decode = in_capitals}),
            "udp://127.0.0.1:59838 ABC\n");
}

TEST(ArrivalLine, LeavesTheNumberOutOfTheDecoding) {
  const std::string_view bytes = "#4f2a91c7 4/10 abc";
  EXPECT_EQ(shown({.sender = kSender, .bytes = bytes, .number = number_of(bytes)},
                  {.decode = in_capitals}),
            "udp://127.0.0.1:59838 #4f2a91c7 4/10 ABC\n");
}

TEST(ArrivalLine, NamesAUnixSenderOrSaysThatItHasNone) {
  EXPECT_EQ(text_of_sender(Address::local(Transport::unix_datagram, "/tmp/\x1bx")),
            "unix-datagram:/tmp/\\x1bx");
  EXPECT_EQ(text_of_sender(Address::local(Transport::unix_datagram, "")),
            "unix-datagram:(unnamed)");
}

TEST(ArrivalInBothForms, ShowsRawAndDecoded) {
  const std::string text = shown(
      {.sender = kSender, .bytes = "\xc4\xe3\n\\"},
      {.form = Form::both, .decode = [](std::string_view) { return Decoded{.text = "你\n"}; }});
  EXPECT_TRUE(text.contains("Z udp://127.0.0.1:59838 4 bytes\n")) << text;
  EXPECT_TRUE(text.ends_with("\n  raw      \\xc4\\xe3\\n\\\\\n  decoded  你\\n\n")) << text;
}

TEST(ArrivalInBothForms, SaysWhatWasNotOfTheEncoding) {
  const std::string text = shown({.sender = kSender, .bytes = "x"},
                                 {.form = Form::both, .decode = with_an_invalid_byte});
  EXPECT_TRUE(text.ends_with("(1 byte not of this encoding)\n")) << text;
}

TEST(ArrivalDump, HasTheSizeAndTheDigits) {
  EXPECT_EQ(shown({.sender = kSender, .bytes = "Hi\n", .size = 2000}, {.form = Form::dump}),
            "udp://127.0.0.1:59838 3 of 2000 bytes\n"
            "  00000000  48 69 0a                                          |Hi.|\n");
  EXPECT_EQ(shown({.sender = kSender, .bytes = ""}, {.form = Form::dump}),
            "udp://127.0.0.1:59838 0 bytes\n");
}

TEST(ArrivalRaw, IsTheContentAlone) {
  EXPECT_EQ(shown({.sender = kSender, .bytes = "a\0\xff"s}, {.form = Form::raw}), "a\0\xff"s);
}

TEST(ArrivalAsJson, HasWhatIsKnown) {
  const auto object = json({.sender = kSender, .bytes = "hi"});
  EXPECT_EQ(object["sender"], "udp://127.0.0.1:59838");
  EXPECT_EQ(object["size"], 2);
  EXPECT_EQ(object["text"], "hi");
  for (const char* key : {"invalid", "hex", "taken", "dropped", "number"})
    EXPECT_FALSE(object.contains(key)) << key;
}

TEST(ArrivalAsJson, HasTheBytesWhereTheTextIsNotExact) {
  const auto object = json({.sender = kSender, .bytes = "\xff"}, with_an_invalid_byte);
  EXPECT_EQ(object["text"], "\uFFFD");
  EXPECT_EQ(object["invalid"], 1);
  EXPECT_EQ(object["hex"], "ff");
}

TEST(ArrivalSize, IsWhatIsKnownOfIt) {
  EXPECT_EQ(text_of_size({.sender = kSender, .bytes = "x"}), "1 byte");
  EXPECT_EQ(text_of_size({.sender = kSender, .bytes = "xy", .size = 3}), "2 of 3 bytes");
  const Arrival unknown{.sender = kSender, .bytes = "xy", .size_is_known = false};
  EXPECT_EQ(text_of_size(unknown), "2 of over 2 bytes");
  EXPECT_TRUE(json(unknown)["size"].is_null());
}

TEST(ArrivalAsJson, HasTheBytesWhereAskedFor) {
  const std::string text = shown({.sender = kSender, .bytes = "hi"},
                                 {.form = Form::json, .with_hex = true, .decode = as_it_came});
  EXPECT_EQ(nlohmann::json::parse(text)["hex"], "6869");
}

TEST(ArrivalAsJson, TellsCutsDropsAndNumbers) {
  const std::string_view bytes = "#4f2a91c7 4/10 a";
  const auto object = json({.sender = kSender,
                            .bytes = bytes,
                            .size = 2000,
                            .dropped = 3,
                            .number = number_of(bytes),
                            .turn = {.order = Turn::Order::next, .missing = 2}});
  EXPECT_EQ(object["size"], 2000);
  EXPECT_EQ(object["taken"], bytes.size());
  EXPECT_EQ(object["dropped"], 3);
  EXPECT_EQ(object["number"]["run"], "4f2a91c7");
  EXPECT_EQ(object["number"]["index"], 4);
  EXPECT_EQ(object["number"]["of"], 10);
  EXPECT_EQ(object["number"]["order"], "next");
  EXPECT_EQ(object["number"]["missing"], 2);
}

}  // namespace
}  // namespace headrace::tool
