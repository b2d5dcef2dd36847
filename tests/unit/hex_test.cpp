// SPDX-License-Identifier: MIT
//
// Hexadecimal digits: what is taken, what is refused, and what a dump looks like.
#include "hex.hpp"

#include <gtest/gtest.h>

namespace headrace::tool {
namespace {

using namespace std::string_literals;

TEST(Hex, IsReadWithAndWithoutSignsBetweenBytes) {
  for (const char* text : {"48656c6c6f", "48 65 6C 6c 6F", "48:65:6c:6c:6f", "48-65-6c-6c-6f",
                           "0x48,0x65,0x6c,0x6c,0x6f", " 4865\t6c6c\n6f\r\n", "0X48656c6c6f"})
    EXPECT_EQ(parse_hex(text).value(), "Hello") << text;
}

TEST(Hex, OfNothingIsNothing) {
  EXPECT_EQ(parse_hex("").value(), "");
  EXPECT_EQ(parse_hex(" \n").value(), "");
}

TEST(Hex, HasEveryByte) {
  std::string bytes;
  for (int value = 0; value < 256; ++value) bytes += static_cast<char>(value);
  EXPECT_EQ(parse_hex(to_hex(bytes)).value(), bytes);
}

TEST(Hex, WithHalfAByteIsRefused) {
  for (const char* text : {"4", "486", "4 8", "48 6", "0x", "48 0x6"})
    EXPECT_TRUE(parse_hex(text).error().starts_with("a byte has two hexadecimal digits"))
        << text << ": " << parse_hex(text).error();
}

TEST(Hex, SaysWhichCharacterIsNone) {
  EXPECT_EQ(parse_hex("48 6g").error(), "'g' at place 5 is no hexadecimal digit; write 48 65 6c");
  EXPECT_TRUE(parse_hex("hello").error().starts_with("'h' at place 1"));
  EXPECT_TRUE(parse_hex("48\0"s + "65").error().contains("at place 3"));
}

TEST(HexDump, ShowsOffsetsDigitsAndText) {
  EXPECT_EQ(hex_dump("Hello\n\xc4"),
            "  00000000  48 65 6c 6c 6f 0a c4                              |Hello..|\n");
  EXPECT_EQ(hex_dump("0123456789abcdef!"),
            "  00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|\n"
            "  00000010  21                                                |!|\n");
  EXPECT_EQ(hex_dump(""), "");
}

}  // namespace
}  // namespace headrace::tool
