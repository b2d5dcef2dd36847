// SPDX-License-Identifier: MIT
//
// Asking the kernel: getrlimit(2) and files below /proc/sys. Nothing is changed here.
#include "machine_limits.hpp"

#include <algorithm>
#include <fstream>

#include <sys/resource.h>
#include <sys/select.h>

namespace headrace::tool {

namespace {

constexpr std::uint64_t kMostDescriptors = 1'000'000;  // as serve() does: a slot for each

Bound number_in(const char* path) {
  std::uint64_t number = 0;
  if (std::ifstream file{path}; file >> number) return number;
  return std::nullopt;
}

Bound bound(rlim_t limit) { return limit == RLIM_INFINITY ? Bound{} : Bound{limit}; }

ResourceLimit limit_of(__rlimit_resource resource) {
  rlimit limit{};
  if (::getrlimit(resource, &limit) != 0) return {};
  return {bound(limit.rlim_cur), bound(limit.rlim_max)};
}

}  // namespace

MachineLimits machine_limits() {
  const ResourceLimit descriptors = limit_of(RLIMIT_NOFILE);
  return {
      .file_max = number_in("/proc/sys/fs/file-max"),
      .nr_open = number_in("/proc/sys/fs/nr_open"),
      .descriptors = descriptors,
      .descriptors_raised = std::min(descriptors.hard.value_or(kMostDescriptors), kMostDescriptors),
      .threads_max = number_in("/proc/sys/kernel/threads-max"),
      .processes = limit_of(RLIMIT_NPROC),
      .somaxconn = number_in("/proc/sys/net/core/somaxconn"),
      .select_descriptors = FD_SETSIZE};
}

}  // namespace headrace::tool
