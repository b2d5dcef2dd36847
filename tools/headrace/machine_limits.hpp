// SPDX-License-Identifier: MIT
//
// What this machine allows a server: descriptors, threads, the backlog.
#pragma once

#include <cstdint>
#include <optional>

namespace headrace::tool {

/// A limit as the kernel tells it; nothing where there is none, or it does not tell.
using Bound = std::optional<std::uint64_t>;

struct ResourceLimit {
  Bound soft, hard;
};

struct MachineLimits {
  Bound file_max;                    ///< open files of all processes: fs.file-max
  Bound nr_open;                     ///< the highest descriptor limit: fs.nr_open
  ResourceLimit descriptors;         ///< of a process: ulimit -n
  std::uint64_t descriptors_raised;  ///< what `serve` raises it to
  Bound threads_max;                 ///< threads of all processes: kernel.threads-max
  ResourceLimit processes;           ///< processes and threads of a user: ulimit -u
  Bound somaxconn;                   ///< the longest backlog: net.core.somaxconn
  std::uint64_t select_descriptors;  ///< FD_SETSIZE, in the whole process
};

[[nodiscard]] MachineLimits machine_limits();

}  // namespace headrace::tool
