// SPDX-License-Identifier: MIT
//
// What /proc says of a process group: a server and the children it has made. Read while they run,
// so a process may be gone by the time it is looked at; then it counts for nothing.
#pragma once

#include <chrono>
#include <cstddef>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace headrace::conformance::proc {

[[nodiscard]] std::vector<pid_t> processes_of(pid_t group);
/// Of /proc/PID/DIRECTORY, of all of them.
[[nodiscard]] std::size_t entries_of(pid_t group, std::string_view directory);
/// In bytes; a page that a child shares with the server counts once.
[[nodiscard]] std::size_t private_memory_of(pid_t group);
/// How often their threads have gone to sleep by themselves.
[[nodiscard]] std::size_t sleeps_of(pid_t group);
[[nodiscard]] std::chrono::milliseconds processor_time_of(pid_t group);
/// Whether each of their threads waits for something, and none would run if it could.
[[nodiscard]] bool all_sleep(pid_t group);
/// Has ended, waited for or not.
[[nodiscard]] bool is_gone(pid_t process);
/// By SIGSTOP. Those that have ended do not count.
[[nodiscard]] bool all_are_stopped(pid_t group);

}  // namespace headrace::conformance::proc
