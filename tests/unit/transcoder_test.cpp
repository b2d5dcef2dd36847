// SPDX-License-Identifier: MIT
//
// Text converted piece by piece: the same as in one piece, whatever is wrong with it.
#include "headrace/transcoder.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace headrace {
namespace {

using namespace std::string_literals;

constexpr const char* kReplacement = "\uFFFD";

std::string converted(Transcoder& transcoder, std::string_view text, std::size_t piece) {
  std::string result;
  for (std::size_t at = 0; at < text.size(); at += piece)
    result += text_of(transcoder.convert(bytes_of(text.substr(at, piece))));
  result += text_of(transcoder.finish().bytes);
  return result;
}

Transcoder opened(std::string_view from, std::string_view to) {
  auto transcoder = Transcoder::open(from, to);
  if (!transcoder) throw std::runtime_error{transcoder.error().call};
  return std::move(*transcoder);
}

std::string converted(std::string_view from, std::string_view to, std::string_view text) {
  Transcoder transcoder = opened(from, to);
  return converted(transcoder, text, text.size() + 1);
}

struct Sample {
  const char* encoding;
  std::string utf8;
  std::string encoded;
};

// Encoded with Python's codecs, so by somebody else.
const std::vector<Sample>& samples() {
  static const std::vector<Sample> all{
      {"gb2312", "你好, hi", "\xc4\xe3\xba\xc3, hi"},
      {"gbk", "鎔你", "\xe6\x67\xc4\xe3"},
      {"gb18030", "你😀é", "\xc4\xe3\x94\x39\xfc\x36\xa8\xa6"},
      {"utf-8", "你😀é\0x"s, "\xe4\xbd\xa0\xf0\x9f\x98\x80\xc3\xa9\0x"s},
      {"big5", "功許", "\xa5\x5c\xb3\x5c"},
      {"shift_jis", "表テ", "\x95\x5c\x83\x65"},
      {"iso-2022-jp", "a日本b", "a\x1b$BF|K\\\x1b(Bb"},
      {"iso-2022-jp", "日", "\x1b$BF|\x1b(B"},
      {"utf-16le", "a😀", "a\0\x3d\xd8\x00\xde"s},
      {"utf-16", "ab",
       "\xff\xfe"
       "a\0b\0"s},
  };
  return all;
}

TEST(Transcoder, ConvertsBothWaysCutAnywhere) {
  for (const Sample& sample : samples()) {
    for (std::size_t piece = 1; piece <= sample.encoded.size() + 1; ++piece) {
      SCOPED_TRACE(sample.encoding + " in pieces of "s + std::to_string(piece));
      Transcoder in = opened(sample.encoding, "utf-8");
      EXPECT_EQ(converted(in, sample.encoded, piece), sample.utf8);
      Transcoder out = opened("utf-8", sample.encoding);
      EXPECT_EQ(converted(out, sample.utf8, piece), sample.encoded);
      EXPECT_EQ(in.invalid() + in.unrepresentable() + out.invalid() + out.unrepresentable(), 0U);
    }
  }
}

TEST(Transcoder, KeepsASplitCharacterForTheNextPiece) {
  Transcoder transcoder = opened("gbk", "utf-8");
  EXPECT_EQ(text_of(transcoder.convert(bytes_of("a\xc4"))), "a");
  EXPECT_EQ(text_of(transcoder.convert(bytes_of("\xe3"))), "你");
  EXPECT_EQ(transcoder.finish().incomplete, 0U);
}

TEST(Transcoder, ReplacesAndCountsBytesThatAreNoCharacter) {
  Transcoder transcoder = opened("utf-8", "utf-8");
  EXPECT_EQ(converted(transcoder, "a\xff\xe4\xbd"s + "b", 2),
            "a"s + kReplacement + kReplacement + kReplacement + "b");
  EXPECT_EQ(transcoder.invalid(), 3U);
  EXPECT_EQ(transcoder.unrepresentable(), 0U);
}

TEST(Transcoder, GoesOnBehindABadLeadByte) {
  EXPECT_EQ(converted("gb2312", "utf-8", "\xff\xc4\xe3"), kReplacement + "你"s);
  EXPECT_EQ(converted("shift_jis", "utf-8", "\x81\x20z"), kReplacement + " z"s);
}

TEST(Transcoder, ReplacesACharacterThatTheTargetLacksOnce) {
  Transcoder transcoder = opened("utf-8", "gb2312");
  EXPECT_EQ(converted(transcoder, "a😀b鎔c", 3), "a?b?c");
  EXPECT_EQ(transcoder.unrepresentable(), 2U);
  EXPECT_EQ(transcoder.invalid(), 0U);
}

TEST(Transcoder, ReplacesByTheTargetsOwnU_FFFDWhereItHasOne) {
  EXPECT_EQ(converted("utf-8", "gb18030", "\xff"), "\x84\x31\xa4\x37");
  EXPECT_EQ(converted("utf-8", "gb2312", "\xff"), "?");
}

TEST(Transcoder, ReplacesWithinAShiftState) {
  EXPECT_EQ(converted("utf-8", "iso-2022-jp", "日😀"), "\x1b$BF|\x1b(B?");
}

TEST(Transcoder, ReportsAnIncompleteTail) {
  Transcoder transcoder = opened("utf-8", "utf-8");
  EXPECT_EQ(text_of(transcoder.convert(bytes_of("a\xe4\xbd"))), "a");
  const auto tail = transcoder.finish();
  EXPECT_EQ(text_of(tail.bytes), kReplacement + std::string{kReplacement});
  EXPECT_EQ(tail.incomplete, 2U);
  EXPECT_EQ(transcoder.invalid(), 2U);
}

TEST(Transcoder, FindsWholeCharactersInAnIncompleteTail) {
  EXPECT_EQ(converted("gb18030", "utf-8", "\x81\x30"), kReplacement + "0"s);
}

TEST(Transcoder, SkipsAWholeUnitOfAWideEncoding) {
  EXPECT_EQ(converted("utf-16le", "utf-8", "\x00\xdc"s + "a\0"s), kReplacement + "a"s);
  EXPECT_EQ(converted("utf-32be", "utf-8", "\x00\x11\x00\x00"s + "\0\0\0a"s), kReplacement + "a"s);
}

TEST(Transcoder, BeginsAnewAfterItsEnd) {
  Transcoder transcoder = opened("utf-8", "iso-2022-jp");
  EXPECT_EQ(converted(transcoder, "日", 3), "\x1b$BF|\x1b(B");
  EXPECT_EQ(converted(transcoder, "日", 3), "\x1b$BF|\x1b(B");
}

TEST(Transcoder, GivesBackACharacterThatWaitedForACombiningOne) {
  // In EUC-JISX0213 か may be followed by a mark that makes one character of both.
  for (const std::size_t piece : {1U, 2U, 9U}) {
    Transcoder transcoder = opened("utf-8", "euc-jisx0213");
    EXPECT_EQ(converted(transcoder, "か", piece), "\xa4\xab");
  }
}

TEST(Transcoder, ConvertsMoreThanItsBuffersHold) {
  std::string utf8, gbk;
  for (int i = 0; i < 100'000; ++i) {
    utf8 += i % 3 == 0 ? "a" : "你";
    gbk += i % 3 == 0 ? "a" : "\xc4\xe3";
  }
  EXPECT_EQ(converted("utf-8", "gbk", utf8), gbk);
  EXPECT_EQ(converted("gbk", "utf-8", gbk), utf8);
}

TEST(Transcoder, TakesNamesAsIconvListsThem) {
  for (const char* name : {"GBK", "gbk//", "CP936", "utf8", "ISO-10646/UTF8/", "KOI8-R"})
    EXPECT_TRUE(Transcoder::open(name, "utf-8").has_value()) << name;
  EXPECT_EQ(converted("utf-8", "ascii//TRANSLIT", "€"), "EUR");
}

TEST(Transcoder, RefusesNamesThatIconvDoesNotKnow) {
  for (const std::string& name :
       {"klingon"s, ""s, "gbk//IGNORE"s, "//"s, "gb\0k"s, std::string(5000, 'x'), "../../x"s}) {
    const auto from = Transcoder::open(name, "utf-8");
    ASSERT_FALSE(from.has_value()) << name;
    EXPECT_EQ(from.error().code, Errc::not_supported);
    EXPECT_TRUE(std::string_view{from.error().call}.contains("iconv -l"));
    EXPECT_FALSE(Transcoder::open("utf-8", name).has_value()) << name;
  }
}

}  // namespace
}  // namespace headrace
