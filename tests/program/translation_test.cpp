// SPDX-License-Identifier: MIT
//
// What stands between the user and the wire of `headrace connect`: the same for pieces that end
// anywhere.
#include "connect/translation.hpp"

#include <initializer_list>
#include <random>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace headrace::tool {
namespace {

using namespace std::string_literals;

/// What is sent for `given` in pieces; an error in the form "!sentence".
std::string sent(const WireFormat& format, std::string_view given, std::size_t piece) {
  Outgoing outgoing{format};
  std::string wire;
  for (std::size_t at = 0; at < given.size(); at += piece) {
    const auto bytes = outgoing.translate(given.substr(at, piece));
    if (!bytes) return "!" + bytes.error();
    wire += *bytes;
  }
  const auto rest = outgoing.finish();
  return rest ? wire + std::string{*rest} : "!" + rest.error();
}

std::string shown(const WireFormat& format, Incoming::Reader reader, std::string_view received,
                  std::size_t piece) {
  Incoming incoming{format, reader};
  std::string text;
  for (std::size_t at = 0; at < received.size(); at += piece)
    text += incoming.translate(received.substr(at, piece));
  return text + std::string{incoming.finish()};
}

constexpr WireFormat plain() { return {}; }

TEST(Translation, LeavesBytesAloneWithoutACopy) {
  const std::string bytes = "a\0\xff\r\n"s;
  Outgoing outgoing{plain()};
  EXPECT_EQ(outgoing.translate(bytes)->data(), bytes.data());
  Incoming incoming{plain(), Incoming::Reader::program};
  EXPECT_EQ(incoming.translate(bytes).data(), bytes.data());
}

TEST(Translation, EndsLinesInCrLfOnce) {
  for (std::size_t piece = 1; piece < 12; ++piece)
    EXPECT_EQ(sent({.encoding = "", .crlf = true}, "a\nb\r\n\n\rc\n", piece),
              "a\r\nb\r\n\r\n\rc\r\n");
}

TEST(Translation, EndsLinesInTheEncoding) {
  for (std::size_t piece = 1; piece < 8; ++piece)
    EXPECT_EQ(sent({.encoding = "utf-16le", .crlf = true}, "你\n", piece), "\x60\x4f\r\0\n\0"s);
}

TEST(Translation, KnowsHowMuchOfAPieceIsWhole) {
  const Outgoing encoded{{.encoding = "gb18030"}};
  const std::string text = "a你é🙂";
  const std::vector<std::size_t> ends{0, 1, 1, 1, 4, 4, 6, 6, 6, 6, 10};
  for (std::size_t size = 0; size < ends.size(); ++size)
    EXPECT_EQ(encoded.whole_part(text.substr(0, size)), ends[size]) << size;
  // What is no UTF-8 has nothing to wait for.
  EXPECT_EQ(encoded.whole_part("\x80\x80\x80\x80\x80"), 5U);
  EXPECT_EQ(encoded.whole_part("a\x80"), 2U);

  const Outgoing digits{{.encoding = "", .hex = true}};
  for (const auto& [given, whole] : std::initializer_list<std::pair<std::string_view, std::size_t>>{
           {"", 0}, {"0", 0}, {"00", 2}, {"00 f", 3}, {"00 ff", 5}, {"00 ff ", 6}, {"0 ", 2}})
    EXPECT_EQ(digits.whole_part(given), whole) << given;

  EXPECT_EQ(Outgoing{plain()}.whole_part("\xe4"), 1U);
}

TEST(Translation, ReadsDigits) {
  for (std::size_t piece = 1; piece < 14; ++piece)
    EXPECT_EQ(sent({.encoding = "", .hex = true}, "00 fF\n0a0B\t7f", piece), "\0\xff\n\v\x7f"s);
}

TEST(Translation, RefusesWhatIsNoPairOfDigits) {
  for (std::size_t piece = 1; piece < 6; ++piece) {
    for (const char* bad : {"0", "0 0", "xx", "0x10", "00 \xff"})
      EXPECT_TRUE(sent({.encoding = "", .hex = true}, bad, piece).starts_with("!")) << bad;
  }
}

TEST(Translation, BeginsAnewBehindAWrongDigit) {
  Outgoing outgoing{{.encoding = "", .hex = true}};
  EXPECT_FALSE(outgoing.translate("0g\n"));
  EXPECT_EQ(outgoing.translate("ff\n"), "\xff");
}

TEST(Translation, WritesDigitsSixteenALine) {
  const std::string line = "78 78 78 78 78 78 78 78 78 78 78 78 78 78 78 78\n";
  for (std::size_t piece = 1; piece < 40; ++piece)
    EXPECT_EQ(shown({.encoding = "", .hex = true}, Incoming::Reader::program, std::string(34, 'x'),
                    piece),
              line + line + "78 78\n");
}

TEST(Translation, WritesDigitsOfEachPieceForWhoTypes) {
  EXPECT_EQ(shown({.encoding = "", .hex = true}, Incoming::Reader::conversation, "xxxxx", 2),
            "78 78\n78 78\n78\n");
}

TEST(Translation, EscapesForAScreen) {
  for (std::size_t piece = 1; piece < 12; ++piece)
    EXPECT_EQ(shown(plain(), Incoming::Reader::screen, "你\x1b[1m\n\xff", piece),
              "你\\x1b[1m\n\\xff\n");
}

TEST(Translation, EscapesWhatADecodedTextHolds) {
  EXPECT_EQ(shown({.encoding = "utf-16le"}, Incoming::Reader::screen, "\x1b\0a\0"s, 1),
            "\\x1b"
            "a\n");
}

TEST(Translation, ShowsNoCarriageReturnOfALineEnd) {
  for (std::size_t piece = 1; piece < 12; ++piece)
    EXPECT_EQ(
        shown({.encoding = "", .crlf = true}, Incoming::Reader::screen, "a\r\nb\rc\r\n\r", piece),
        "a\nb\\rc\n\\r\n");
}

TEST(Translation, CountsWhatIsReplaced) {
  Outgoing outgoing{{.encoding = "gb2312"}};
  EXPECT_EQ(outgoing.translate("a😀\xff"
                               "b"),
            "a??b");
  EXPECT_EQ(outgoing.replaced(), 2U);
  Incoming incoming{{.encoding = "gb2312"}, Incoming::Reader::program};
  EXPECT_EQ(incoming.translate("\xff\xc4\xe3"), "\uFFFD你");
  EXPECT_EQ(incoming.invalid(), 1U);
}

TEST(Translation, ThereAndBackIsTheSameInAnyPieces) {
  std::mt19937 random{7};
  const std::string text = "你好, 世界 hello\nγειά\n";
  for (int round = 0; round < 200; ++round) {
    const std::size_t piece = 1 + random() % text.size();
    const WireFormat format{.encoding = round % 2 == 0 ? "gb18030" : "utf-16be"};
    const std::string wire = sent(format, text, piece);
    EXPECT_EQ(shown(format, Incoming::Reader::program, wire, 1 + random() % wire.size()), text);
  }
}

}  // namespace
}  // namespace headrace::tool
