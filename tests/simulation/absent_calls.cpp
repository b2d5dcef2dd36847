// SPDX-License-Identifier: MIT
//
// headrace::sys, continued: what no simulated server calls. Each says ENOSYS; whoever simulates
// more takes it from here to calls.cpp.
#include <cerrno>

#include <unistd.h>

#include "net/system_calls.hpp"

namespace headrace::sys {

int connect(int, const sockaddr*, socklen_t) noexcept { return -ENOSYS; }
ssize_t recvmsg(int, msghdr*, int) noexcept { return -ENOSYS; }
ssize_t sendmsg(int, const msghdr*, int) noexcept { return -ENOSYS; }
int recvmmsg(int, mmsghdr*, unsigned, int) noexcept { return -ENOSYS; }
int sendmmsg(int, mmsghdr*, unsigned, int) noexcept { return -ENOSYS; }

int set_blocking(int) noexcept { return -ENOSYS; }
int make_pipe(int[2], int) noexcept { return -ENOSYS; }
int unlink(const char*) noexcept { return -ENOSYS; }
int chmod(const char*, mode_t) noexcept { return -ENOSYS; }
int lstat(const char*, struct ::stat*) noexcept { return -ENOSYS; }
int fstat(int, struct ::stat*) noexcept { return -ENOSYS; }
int open_lock_file(const char*) noexcept { return -ENOSYS; }
int lock_file(int) noexcept { return -ENOSYS; }
int open_file(const char*, int) noexcept { return -ENOENT; }  // there is no /proc
int make_directory(const char*) noexcept { return -ENOSYS; }
int remove_directory(const char*) noexcept { return -ENOSYS; }
int open_kept_file(const char*) noexcept { return -ENOSYS; }
int truncate_file(int, std::uint64_t) noexcept { return -ENOSYS; }

int futex_wait(const void*, std::uint32_t, const timespec*) noexcept { return -ENOSYS; }
int futex_wake(const void*, int) noexcept { return -ENOSYS; }

pid_t getpid() noexcept { return ::getpid(); }
pid_t getppid() noexcept { return ::getppid(); }
pid_t fork() noexcept { return -ENOSYS; }
pid_t waitpid(pid_t, int*, int) noexcept { return -ENOSYS; }
int kill(pid_t, int) noexcept { return -ENOSYS; }
int pidfd_open(pid_t) noexcept { return -ENOSYS; }
int signal_process(int, int) noexcept { return -ENOSYS; }
int die_with_parent(int) noexcept { return -ENOSYS; }

int create_thread(pthread_t*, void* (*)(void*), void*) noexcept { return -ENOSYS; }
int signal_thread(pthread_t, int) noexcept { return -ENOSYS; }
int join_thread(pthread_t) noexcept { return -ENOSYS; }
int detach_thread(pthread_t) noexcept { return -ENOSYS; }

void* map_descriptor(int, std::size_t) noexcept { return nullptr; }

}  // namespace headrace::sys
