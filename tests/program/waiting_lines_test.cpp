// SPDX-License-Identifier: MIT
//
// What becomes of lines while a terminal is stopped.
#include "chat/waiting_lines.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace headrace::tool {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(WaitingLines, AreTakenInOrderAndOnce) {
  WaitingLines lines{100};
  lines.put("one");
  lines.put("two");
  EXPECT_THAT(lines.take(), ElementsAre("one", "two"));
  EXPECT_THAT(lines.take(), IsEmpty());
}

TEST(WaitingLines, TheOldestGoAndAreCounted) {
  WaitingLines lines{10};
  for (const char* const line : {"aaaa", "bbbb", "cccc", "dd"}) lines.put(line);
  EXPECT_THAT(lines.take(), ElementsAre("-- ... 1 line not shown: the terminal was stopped", "bbbb",
                                        "cccc", "dd"));
  lines.put("e");
  EXPECT_THAT(lines.take(), ElementsAre("e"));
}

TEST(WaitingLines, OneThatIsTooLargeIsShownAllTheSame) {
  WaitingLines lines{10};
  lines.put("small");
  lines.put(std::string(50, 'x'));
  EXPECT_THAT(lines.take(), ElementsAre("-- ... 1 line not shown: the terminal was stopped",
                                        std::string(50, 'x')));
}

}  // namespace
}  // namespace headrace::tool
