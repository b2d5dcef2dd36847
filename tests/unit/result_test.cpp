// SPDX-License-Identifier: MIT
#include "headrace/result.hpp"

#include <cerrno>
#include <cstring>
#include <set>
#include <string>

#include <gtest/gtest.h>

namespace headrace {
namespace {

constexpr int kLastErrc = static_cast<int>(Errc::system_error);

TEST(Result, EveryReasonHasWordsOfItsOwn) {
  std::set<std::string> seen;
  for (int code = static_cast<int>(Errc::end_of_stream); code <= kLastErrc; ++code)
    seen.insert(to_text(static_cast<Errc>(code)));
  EXPECT_EQ(seen.size(), static_cast<std::size_t>(kLastErrc));
  EXPECT_FALSE(seen.contains(""));
  EXPECT_FALSE(seen.contains(to_text(Errc{0})));  // what no code has
}

TEST(Result, EachErrnoHasOneReason) {
  const struct {
    int error;
    Errc code;
  } table[] = {
      {ECONNRESET, Errc::reset},
      {EPIPE, Errc::broken_pipe},
      {ENOTCONN, Errc::broken_pipe},
      {ESHUTDOWN, Errc::broken_pipe},
      {ECONNREFUSED, Errc::refused},
      {ETIMEDOUT, Errc::unreachable},
      {ENETUNREACH, Errc::unreachable},
      {EHOSTUNREACH, Errc::unreachable},
      {ENETDOWN, Errc::unreachable},
      {EHOSTDOWN, Errc::unreachable},
      {EADDRINUSE, Errc::address_in_use},
      {EADDRNOTAVAIL, Errc::address_unavailable},
      {EACCES, Errc::permission_denied},
      {EPERM, Errc::permission_denied},
      {EMFILE, Errc::too_many_descriptors},
      {ENFILE, Errc::too_many_descriptors},
      {ENOMEM, Errc::out_of_memory},
      {ENOBUFS, Errc::out_of_memory},
      {EOPNOTSUPP, Errc::not_supported},
      {EAFNOSUPPORT, Errc::not_supported},
      {EPROTONOSUPPORT, Errc::not_supported},
      {ENOSYS, Errc::not_supported},
      {ECANCELED, Errc::canceled},
      {EINVAL, Errc::system_error},
      {ENOENT, Errc::system_error},
  };
  for (const auto& row : table) {
    const Failure failure = Failure::from_errno("step", row.error);
    EXPECT_EQ(failure.code, row.code) << strerrorname_np(row.error);
    EXPECT_EQ(failure.error, row.error);
    EXPECT_STREQ(failure.call, "step");
  }
}

TEST(Result, AReasonOfOursIsPreferredToTheKernels) {
  EXPECT_STREQ(Failure::from_errno("recv", ECONNRESET).reason(), to_text(Errc::reset));
  EXPECT_STREQ(fail(Errc::timed_out, "recv").error().reason(), "timed out");
}

TEST(Result, AnErrnoWithoutAWordOfOursIsToldAsTheKernelDoes) {
  EXPECT_STREQ(Failure::from_errno("bind", ENOENT).reason(), "No such file or directory");
}

TEST(Result, AnErrnoThatNobodyKnowsIsStillAReason) {
  EXPECT_STREQ(Failure::from_errno("bind", 100'000).reason(), "system error");
  EXPECT_STREQ(Failure{}.reason(), "system error");
}

}  // namespace
}  // namespace headrace
