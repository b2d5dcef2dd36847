// SPDX-License-Identifier: MIT
//
// Each datagram is a text of its own: nothing of one reaches the next.
#include <gtest/gtest.h>

#include "datagrams/encodings.hpp"

namespace headrace::tool {
namespace {

TEST(DatagramEncodings, AreKnownOrSuggested) {
  EXPECT_EQ(parse_encoding("gb2312").value(), "gb2312");
  EXPECT_EQ(parse_encoding("UTF-16LE").value(), "UTF-16LE");
  EXPECT_TRUE(parse_encoding("gb2132").error().contains("'gb2312'"));
  EXPECT_TRUE(parse_encoding("nonsense").error().contains("'iconv -l' lists them"));
  EXPECT_FALSE(parse_encoding(""));
}

TEST(DatagramEncodings, DecodeEachForItself) {
  const Decode decode = decoder_of("gb2312");
  EXPECT_EQ(decode("\xc4\xe3\xba\xc3").text, "你好");
  const Decoded half = decode("\xc4");
  EXPECT_EQ(half.text, "\uFFFD");
  EXPECT_EQ(half.invalid, 1U);
  const Decoded other = decode("\xe3");
  EXPECT_EQ(other.text, "\uFFFD");
  EXPECT_EQ(other.invalid, 1U);
  EXPECT_EQ(decode("").text, "");
  EXPECT_EQ(decode("plain").invalid, 0U);
}

TEST(DatagramEncodings, EncodeEachForItself) {
  Encoder encoder{"iso-2022-jp"};  // has shift states: each must begin in ASCII
  const std::string first = encoder.encode("漢");
  EXPECT_EQ(encoder.encode("漢"), first);
  EXPECT_EQ(decoder_of("iso-2022-jp")(first).text, "漢");
}

TEST(DatagramEncodings, CountWhatCannotBeSaid) {
  Encoder encoder{"gb2312"};
  EXPECT_EQ(encoder.encode("你好"), "\xc4\xe3\xba\xc3");
  EXPECT_EQ(encoder.replaced(), 0U);
  (void)encoder.encode("😀");
  EXPECT_EQ(encoder.replaced(), 1U);
  (void)encoder.encode("\xff");
  EXPECT_EQ(encoder.replaced(), 2U);
}

TEST(DatagramEncodings, WithoutOneLeaveBytesAsTheyAre) {
  Encoder encoder{""};
  EXPECT_EQ(encoder.encode("\xff\x00你"), "\xff\x00你");
  EXPECT_EQ(encoder.replaced(), 0U);
}

}  // namespace
}  // namespace headrace::tool
