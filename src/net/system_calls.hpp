// SPDX-License-Identifier: MIT
//
// Every system call that headrace makes on sockets, descriptors, time, threads and processes goes
// through here: plain functions, named as in section 2 of the manual. They return what the kernel
// does, with the error as a negative errno, so that nothing can come between a call and its errno.
//
// Tests link another .cpp behind this header: fault injection and the simulated kernel. Not here:
// calls that only the program's own files make (reading /proc, writing the log).
#pragma once

#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <ctime>

#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/types.h>

struct stat;  // <sys/stat.h>

namespace headrace::sys {

// Sockets.
int socket(int domain, int type, int protocol) noexcept;
int bind(int descriptor, const sockaddr* address, socklen_t length) noexcept;
int listen(int descriptor, int backlog) noexcept;
int connect(int descriptor, const sockaddr* address, socklen_t length) noexcept;
int accept4(int descriptor, sockaddr* address, socklen_t* length, int flags) noexcept;
int getsockname(int descriptor, sockaddr* address, socklen_t* length) noexcept;
int getpeername(int descriptor, sockaddr* address, socklen_t* length) noexcept;
int getsockopt(int descriptor, int level, int name, void* value, socklen_t* length) noexcept;
int setsockopt(int descriptor, int level, int name, const void* value, socklen_t length) noexcept;
int shutdown(int descriptor, int how) noexcept;
ssize_t recv(int descriptor, void* bytes, std::size_t size, int flags) noexcept;
ssize_t send(int descriptor, const void* bytes, std::size_t size, int flags) noexcept;
ssize_t recvmsg(int descriptor, msghdr* message, int flags) noexcept;
ssize_t sendmsg(int descriptor, const msghdr* message, int flags) noexcept;
int recvmmsg(int descriptor, mmsghdr* messages, unsigned count, int flags) noexcept;
int sendmmsg(int descriptor, mmsghdr* messages, unsigned count, int flags) noexcept;

// Descriptors.
int close(int descriptor) noexcept;
int duplicate(int descriptor) noexcept;                 // fcntl(2): F_DUPFD_CLOEXEC
int set_nonblocking(int descriptor) noexcept;           // fcntl(2)
int set_blocking(int descriptor) noexcept;              // fcntl(2)
int make_pipe(int descriptors[2], int flags) noexcept;  // pipe2(2)
int eventfd(unsigned initial, int flags) noexcept;
ssize_t read(int descriptor, void* bytes, std::size_t size) noexcept;
ssize_t write(int descriptor, const void* bytes, std::size_t size) noexcept;
int unlink(const char* path) noexcept;
int chmod(const char* path, mode_t mode) noexcept;
int fchmod(int descriptor, mode_t mode) noexcept;
int lstat(const char* path, struct ::stat* status) noexcept;  // does not follow a symbolic link
int fstat(int descriptor, struct ::stat* status) noexcept;
int open_lock_file(const char* path) noexcept;        // open(2): O_CREAT, 0600
int lock_file(int descriptor) noexcept;               // flock(2), exclusive, without waiting
int open_file(const char* path, int flags) noexcept;  // open(2) of a file that is there
int make_directory(const char* path) noexcept;        // mkdir(2), 0700
int remove_directory(const char* path) noexcept;      // rmdir(2)
int open_kept_file(const char* path) noexcept;        // open(2): O_CREAT, O_APPEND, 0600
int truncate_file(int descriptor, std::uint64_t size) noexcept;  // ftruncate(2)

// Waiting.
int select(int count, fd_set* readable, fd_set* writable, timeval* limit) noexcept;
int poll(pollfd* entries, nfds_t count, int timeout_ms) noexcept;
int epoll_create1(int flags) noexcept;
int epoll_ctl(int interest_list, int action, int descriptor, epoll_event* event) noexcept;
int epoll_wait(int interest_list, epoll_event* events, int capacity, int timeout_ms) noexcept;
int futex_wait(const void* word, std::uint32_t expected,
               const timespec* timeout) noexcept;  // futex(2), relative
int futex_wake(const void* word, int waiters) noexcept;

// Processes.
pid_t getpid() noexcept;
pid_t getppid() noexcept;
pid_t fork() noexcept;
pid_t waitpid(pid_t child, int* status, int flags) noexcept;
int kill(pid_t process, int signal) noexcept;
int pidfd_open(pid_t process) noexcept;              // readable once the process has ended
int signal_process(int pidfd, int signal) noexcept;  // pidfd_send_signal(2)
int die_with_parent(int signal) noexcept;            // prctl(2): PR_SET_PDEATHSIG

// Time.
std::int64_t monotonic_ns() noexcept;  // clock_gettime(2), CLOCK_MONOTONIC; cannot fail
/// The same clock as std::chrono knows it.
inline std::chrono::steady_clock::time_point steady_now() noexcept {
  return std::chrono::steady_clock::time_point{std::chrono::nanoseconds{monotonic_ns()}};
}

// Threads. A thread created here blocks the signals that its creator blocks.
int create_thread(pthread_t* thread, void* (*body)(void*),
                  void* argument) noexcept;                // pthread_create(3)
int signal_thread(pthread_t thread, int signal) noexcept;  // pthread_kill(3)
int join_thread(pthread_t thread) noexcept;                // pthread_join(3)
int detach_thread(pthread_t thread) noexcept;              // pthread_detach(3)

// Memory.
void* map_memory(std::size_t size, bool shared) noexcept;  // mmap(2), anonymous; null for ENOMEM
void* map_descriptor(int descriptor, std::size_t size) noexcept;  // mmap(2), shared; null: failed
void unmap_memory(void* at, std::size_t size) noexcept;

}  // namespace headrace::sys
