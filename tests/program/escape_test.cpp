// SPDX-License-Identifier: MIT
//
// What a peer sends, as it is shown: readable, unambiguous, and never able to do anything to a
// terminal.
#include "escape.hpp"

#include <random>

#include <gtest/gtest.h>

namespace headrace::tool {
namespace {

using namespace std::string_literals;

TEST(Escape, LeavesOrdinaryTextOfAnyLanguage) {
  for (const std::string text : {"hello", "Grüße", "你好，世界", "привет", "😀", "שלום", "e\u0301"})
    EXPECT_EQ(escaped(text), text);
}

TEST(Escape, NamesTheUsualControlCharacters) { EXPECT_EQ(escaped("a\r\n\tb\\"), R"(a\r\n\tb\\)"); }

TEST(Escape, ShowsControlCharactersAsBytes) {
  EXPECT_EQ(escaped("\x1b[31mred\a\0\x7f"s), R"(\x1b[31mred\x07\x00\x7f)");
}

TEST(Escape, ShowsC1ControlsAsCharacters) {
  EXPECT_EQ(escaped("\u0080\u009b31m\u009f"), R"(\u{80}\u{9B}31m\u{9F})");
}

TEST(Escape, ShowsWhatTurnsTheReadingDirection) {
  EXPECT_EQ(escaped("a\u202Eb"), R"(a\u{202E}b)");
  for (const char* text : {"\u061C", "\u200E", "\u200F", "\u202A", "\u202B", "\u202C", "\u202D",
                           "\u202E", "\u2066", "\u2067", "\u2068", "\u2069"})
    EXPECT_TRUE(escaped(text).starts_with("\\u{")) << escaped(text);
}

TEST(Escape, ShowsLineSeparatorsAndInvisibleCharacters) {
  for (const char* text : {"\u2028", "\u2029", "\u200B", "\u2060", "\uFEFF", "\U000E0041"})
    EXPECT_TRUE(escaped(text).starts_with("\\u{")) << escaped(text);
}

TEST(Escape, ShowsBytesThatAreNoUtf8OneByOne) {
  EXPECT_EQ(escaped("\xc4\xe3"), R"(\xc4\xe3)");  // GB2312
  EXPECT_EQ(escaped("\xc3"), R"(\xc3)");          // cut short
  EXPECT_EQ(escaped("\xc3(\xe4\xbd"), R"(\xc3(\xe4\xbd)");
  EXPECT_EQ(escaped("\xc0\x80"), R"(\xc0\x80)");  // overlong
  EXPECT_EQ(escaped("\xe0\x80\x80"), R"(\xe0\x80\x80)");
  EXPECT_EQ(escaped("\xed\xa0\x80"), R"(\xed\xa0\x80)");          // a surrogate
  EXPECT_EQ(escaped("\xf4\x90\x80\x80"), R"(\xf4\x90\x80\x80)");  // above U+10FFFF
  EXPECT_EQ(escaped("\xff\xfe"), R"(\xff\xfe)");
}

TEST(EscapedLine, KeepsWhatFits) {
  EXPECT_EQ(escaped_line("hello", 5), "hello");
  EXPECT_EQ(escaped_line("", 5), "");
  EXPECT_EQ(escaped_line("", 0), "");
  EXPECT_EQ(escaped_line("你好", 4), "你好");
}

TEST(EscapedLine, MarksWhatItCut) {
  EXPECT_EQ(escaped_line("hello", 4), "hel…");
  EXPECT_EQ(escaped_line("hello", 1), "…");
  EXPECT_EQ(escaped_line("hello", 0), "");
}

TEST(EscapedLine, CountsTwoColumnsForWideCharacters) {
  EXPECT_EQ(escaped_line("你好世界", 5), "你好…");
  EXPECT_EQ(escaped_line("你好世界", 4), "你…");
  EXPECT_EQ(escaped_line("a你", 2), "a…");
}

TEST(EscapedLine, CountsNoColumnForCombiningMarks) {
  EXPECT_EQ(escaped_line("e\u0301e\u0301", 2), "e\u0301e\u0301");
}

TEST(EscapedLine, NeverCutsAnEscape) {
  EXPECT_EQ(escaped_line("ab\n\n", 6), R"(ab\n\n)");
  EXPECT_EQ(escaped_line("ab\n\n", 5), R"(ab\n…)");
  EXPECT_EQ(escaped_line("ab\n\n", 4), R"(ab…)");
  EXPECT_EQ(escaped_line("\x1b[0m", 3), "…");
}

TEST(EscapedLine, BoundsAPileOfMarks) {
  std::string pile = "z";
  for (int i = 0; i < 10'000; ++i) pile += "\u0300";
  EXPECT_LE(escaped_line(pile, 80).size(), 4 * 80 + 3U);
}

TEST(EscapedLine, ShowsNothingHarmfulForRandomBytes) {
  std::mt19937 random{1};
  std::uniform_int_distribution<int> byte{0, 255}, length{0, 60};
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes;
    for (int i = length(random); i > 0; --i) bytes += static_cast<char>(byte(random));
    const std::string whole = escaped(bytes);
    for (const char c : whole) EXPECT_TRUE(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
    std::string doubled;  // what is shown is valid UTF-8 with nothing left to escape but '\\'
    for (const char c : whole) doubled += c == '\\' ? "\\\\" : std::string(1, c);
    EXPECT_EQ(escaped(whole), doubled);
    EXPECT_EQ(escaped_line(bytes, 1000), whole);
  }
}

TEST(DisplayWidth, KnowsNarrowWideAndCombining) {
  EXPECT_EQ(display_width('a'), 1U);
  EXPECT_EQ(display_width(U'é'), 1U);
  EXPECT_EQ(display_width(U'я'), 1U);
  EXPECT_EQ(display_width(U'你'), 2U);
  EXPECT_EQ(display_width(U'한'), 2U);
  EXPECT_EQ(display_width(U'，'), 2U);
  EXPECT_EQ(display_width(U'😀'), 2U);
  EXPECT_EQ(display_width(U'\u0301'), 0U);
}

}  // namespace
}  // namespace headrace::tool
