// SPDX-License-Identifier: MIT
//
// What an epoll engine leaves behind in the kernel's interest list: an entry of a closed record
// would name memory that is somebody else's by now.
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "engines.hpp"
#include "engines/engine_core.hpp"

namespace headrace::detail {
namespace {

using namespace testing_support;
namespace fs = std::filesystem;

/// Entries of all interest lists of this process: lines "tfd:" of /proc/self/fdinfo, see proc(5).
int entries() {
  int count = 0;
  for (const auto& descriptor : fs::directory_iterator{"/proc/self/fd"}) {
    std::error_code gone;
    if (fs::read_symlink(descriptor, gone) != "anon_inode:[eventpoll]") continue;
    std::ifstream info{"/proc/self/fdinfo/" + descriptor.path().filename().string()};
    for (std::string line; std::getline(info, line);) count += line.starts_with("tfd:") ? 1 : 0;
  }
  return count;
}

class InterestList : public OnEveryEngine {};

// Workers share a Unix listener: each has a copy of the descriptor, so closing one of them does not
// take it off the list.
TEST_P(InterestList, ForgetsAListenerOfWhichSomebodyElseHasACopy) {
  const Plain original{::socket(AF_UNIX, SOCK_STREAM, 0)};
  auto& core = static_cast<EngineCore&>(engine);
  const int before = entries();
  const auto listener = core.adopt(net::Socket{sys::duplicate(original)}, Transport::unix_stream);
  ASSERT_TRUE(listener.has_value());
  (*listener)->flags |= SocketRecord::kServing;
  core.close(**listener);
  EXPECT_EQ(entries(), before);
}

HEADRACE_ON_EVERY_ENGINE(InterestList);

}  // namespace
}  // namespace headrace::detail
