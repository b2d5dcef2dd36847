// SPDX-License-Identifier: MIT
//
// "Did you mean": near words are offered, far ones are not.
#include "suggest.hpp"

#include <array>

#include <gtest/gtest.h>

namespace headrace::tool {
namespace {

constexpr std::array<std::string_view, 11> kModels{"iterative",   "process",    "prefork", "thread",
                                                   "pool",        "polling",    "select",  "poll",
                                                   "epoll-level", "epoll-edge", "io_uring"};

std::string for_model(std::string_view typed) { return did_you_mean(typed, kModels); }

TEST(EditDistance, CountsEachKindOfSlipOnce) {
  EXPECT_EQ(edit_distance("poll", "poll"), 0U);
  EXPECT_EQ(edit_distance("poll", "polls"), 1U);   // inserted
  EXPECT_EQ(edit_distance("poll", "pol"), 1U);     // left out
  EXPECT_EQ(edit_distance("poll", "pull"), 1U);    // another letter
  EXPECT_EQ(edit_distance("serve", "sevre"), 1U);  // swapped
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("abc", ""), 3U);
  EXPECT_EQ(edit_distance("ca", "abc"), 3U);  // the restricted distance: no letter twice
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
}

TEST(DidYouMean, CorrectsASlip) {
  EXPECT_EQ(for_model("thraed"), "; did you mean 'thread'?");
  EXPECT_EQ(for_model("epoll-egde"), "; did you mean 'epoll-edge'?");
  EXPECT_EQ(for_model("selct"), "; did you mean 'select'?");
  EXPECT_EQ(for_model("itterative"), "; did you mean 'iterative'?");
}

TEST(DidYouMean, OverlooksCaseAndDashes) {
  EXPECT_EQ(for_model("EPOLL_EDGE"), "; did you mean 'epoll-edge'?");
  EXPECT_EQ(for_model("io-uring"), "; did you mean 'io_uring'?");
}

TEST(DidYouMean, OffersAllThatBeginSo) {
  EXPECT_EQ(for_model("epoll"), "; did you mean 'epoll-level' or 'epoll-edge'?");
}

TEST(DidYouMean, TakesAPartForTheWhole) {
  EXPECT_EQ(for_model("uring"), "; did you mean 'io_uring'?");
  EXPECT_EQ(for_model("edge"), "; did you mean 'epoll-edge'?");
}

TEST(DidYouMean, IsSilentWhenNothingIsNear) {
  EXPECT_EQ(for_model("kqueue"), "");
  EXPECT_EQ(for_model(""), "");
  EXPECT_EQ(for_model("x"), "");
  EXPECT_EQ(did_you_mean("anything", {}), "");
}

TEST(DidYouMean, OffersThreeAtMost) {
  constexpr std::array<std::string_view, 4> kWords{"aaa1", "aaa2", "aaa3", "aaa4"};
  EXPECT_EQ(did_you_mean("aaa5", kWords), "; did you mean 'aaa1', 'aaa2' or 'aaa3'?");
}

TEST(Lists, AreWrittenInEnglish) {
  constexpr std::array<std::string_view, 3> kWords{"a", "b", "c"};
  EXPECT_EQ(listed(std::span{kWords}.first(0), "and"), "");
  EXPECT_EQ(listed(std::span{kWords}.first(1), "and"), "a");
  EXPECT_EQ(listed(std::span{kWords}.first(2), "and"), "a and b");
  EXPECT_EQ(listed(kWords, "or", "'"), "'a', 'b' or 'c'");
}

}  // namespace
}  // namespace headrace::tool
