// SPDX-License-Identifier: MIT
//
// Durations, sizes and counts: what is taken, and the sentence for what is not.
#include "units.hpp"

#include <gtest/gtest.h>

namespace headrace::tool {
namespace {

using namespace std::chrono_literals;

TEST(Durations, AreAWholeNumberAndAUnit) {
  EXPECT_EQ(parse_duration("250us").value(), 250us);
  EXPECT_EQ(parse_duration("500ms").value(), 500ms);
  EXPECT_EQ(parse_duration("5s").value(), 5s);
  EXPECT_EQ(parse_duration("2m").value(), 2min);
  EXPECT_EQ(parse_duration("1h").value(), 1h);
  EXPECT_EQ(parse_duration("0s").value(), 0s);
  EXPECT_EQ(parse_duration("007s").value(), 7s);
}

TEST(Durations, WithoutAUnitSayWhichToWrite) {
  EXPECT_EQ(parse_duration("5").error(), "'5' has no unit; write 5s (or us, ms, m, h)");
}

TEST(Durations, WithAnotherUnitNameThoseThereAre) {
  EXPECT_EQ(parse_duration("5min").error(),
            "'5min': 'min' is no unit of time; use us, ms, s, m or h");
  EXPECT_EQ(parse_duration("5S").error(), "'5S': 'S' is no unit of time; use us, ms, s, m or h");
}

TEST(Durations, ThatAreNoneAreRefused) {
  for (const char* text :
       {"", "s", "-1s", "+1s", " 5s", "5 s", "5s ", "1.5s", "1e3s", "0x5s", "5s5"})
    EXPECT_EQ(parse_duration(text).error(),
              "'" + std::string{text} +
                  "' is no duration; write a whole number and a unit: 250us, 500ms, 5s, 2m, 1h");
}

TEST(Durations, ThatDoNotFitAreRefused) {
  EXPECT_EQ(parse_duration("9223372036s").value(), 9223372036s);
  EXPECT_EQ(parse_duration("9223372037s").error(), "'9223372037s' is too large");
  EXPECT_EQ(parse_duration("99999999999999999999h").error(),
            "'99999999999999999999h' is too large");
}

TEST(Sizes, AreBytesOrPowersOf1024) {
  EXPECT_EQ(parse_size("64").value(), 64U);
  EXPECT_EQ(parse_size("64B").value(), 64U);
  EXPECT_EQ(parse_size("64KiB").value(), 65536U);
  EXPECT_EQ(parse_size("1MiB").value(), 1048576U);
  EXPECT_EQ(parse_size("2GiB").value(), 2147483648U);
  EXPECT_EQ(parse_size("0").value(), 0U);
}

TEST(Sizes, ThatCouldMeanTwoThingsAreRefused) {
  for (const std::string unit : {"k", "K", "KB", "kb", "MB", "kib", "b", "TiB"})
    EXPECT_EQ(parse_size("64" + unit).error(), "'64" + unit + "': '" + unit +
                                                   "' is no unit of size; use B, KiB (1024 B), "
                                                   "MiB or GiB");
}

TEST(Sizes, ThatAreNoneAreRefused) {
  for (const char* text : {"", "B", "-1", "64 KiB", "1.5MiB", "64KiB "})
    EXPECT_EQ(parse_size(text).error(),
              "'" + std::string{text} +
                  "' is no size; write a whole number and a unit: 64, 64B, 64KiB, 1MiB");
  EXPECT_EQ(parse_size("9999999999GiB").error(), "'9999999999GiB' is too large");
}

TEST(Counts, LieInTheirRange) {
  EXPECT_EQ(parse_count("1", 1, 10).value(), 1U);
  EXPECT_EQ(parse_count("10", 1, 10).value(), 10U);
  EXPECT_EQ(parse_count("0", 1, 10).error(), "'0' is too small; at least 1");
  EXPECT_EQ(parse_count("11", 1, 10).error(), "'11' is too large; at most 10");
  EXPECT_EQ(parse_count("18446744073709551615", 0, ~0ULL).value(), ~0ULL);
  EXPECT_EQ(parse_count("18446744073709551616", 0, ~0ULL).error(),
            "'18446744073709551616' is too large; at most 18446744073709551615");
  for (const char* text : {"", "-1", "+1", "1k", "1.0", " 1", "auto"})
    EXPECT_EQ(parse_count(text, 1, 10).error(), "'" + std::string{text} + "' is no whole number");
}

TEST(Durations, AreWrittenAsTheyAreParsed) {
  for (const char* text : {"250us", "1500us", "500ms", "5s", "90s", "2m", "1h", "25h"})
    EXPECT_EQ(written(parse_duration(text).value()), text);
  EXPECT_EQ(written(60s), "1m");
  EXPECT_EQ(written(0s), "0s");
}

TEST(Durations, AreSpokenInTheUnitOfTheirSize) {
  EXPECT_EQ(spoken(0ns), "0 us");
  EXPECT_EQ(spoken(999us), "999 us");
  EXPECT_EQ(spoken(350ms), "350 ms");
  EXPECT_EQ(spoken(1250ms), "1.2 s");
  EXPECT_EQ(spoken(59999ms), "59.9 s");
  EXPECT_EQ(spoken(723s), "12 min 3 s");
  EXPECT_EQ(spoken(11520s), "3 h 12 min");
}

TEST(Things, AreCountedInEnglish) {
  EXPECT_EQ(counted(0, "message"), "0 messages");
  EXPECT_EQ(counted(1, "message"), "1 message");
  EXPECT_EQ(counted(2, "message"), "2 messages");
}

}  // namespace
}  // namespace headrace::tool
