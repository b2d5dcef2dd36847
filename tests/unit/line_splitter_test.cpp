// SPDX-License-Identifier: MIT
//
// Lines that come in pieces.
#include "datagrams/line_splitter.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace headrace::tool {
namespace {

using namespace std::string_literals;

std::vector<std::string> lines_of(std::string_view text, std::size_t piece, std::size_t longest) {
  LineSplitter splitter{longest};
  std::vector<std::string> lines;
  const auto take = [&] {
    while (const auto line = splitter.next())
      lines.push_back(line->is_whole() ? line->text
                                       : line->text + "..." + std::to_string(line->size));
  };
  for (; !text.empty(); text.remove_prefix(std::min(piece, text.size()))) {
    splitter.feed(text.substr(0, piece));
    take();
  }
  splitter.end();
  take();
  return lines;
}

TEST(Lines, AreTheSameHoweverTheTextIsCut) {
  const std::string text = "one\n\ntwo\r\nthr\0ee\nlast"s;
  const std::vector<std::string> expected{"one", "", "two\r", "thr\0ee"s, "last"};
  for (std::size_t piece = 1; piece <= text.size(); ++piece)
    EXPECT_EQ(lines_of(text, piece, 100), expected) << piece;
}

TEST(Lines, OfNothingAreNone) {
  EXPECT_TRUE(lines_of("", 1, 10).empty());
  EXPECT_EQ(lines_of("\n", 1, 10), std::vector<std::string>{""});
}

TEST(Lines, ThatAreTooLongKeepTheirLengthOnly) {
  const std::string text = "12345\n123456\n1234567890\n1";
  const std::vector<std::string> expected{"12345", "12345...6", "12345...10", "1"};
  for (std::size_t piece = 1; piece <= text.size(); ++piece)
    EXPECT_EQ(lines_of(text, piece, 5), expected) << piece;
}

}  // namespace
}  // namespace headrace::tool
