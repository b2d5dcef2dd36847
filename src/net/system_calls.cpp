// SPDX-License-Identifier: MIT
//
// The real kernel behind system_calls.hpp.
#include "net/system_calls.hpp"

#include <cerrno>
#include <initializer_list>

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace headrace::sys {

namespace {

template <class Value>
Value checked(Value result) noexcept {
  return result < 0 ? static_cast<Value>(-errno) : result;
}

}  // namespace

// What a loop calls at every message goes straight to the kernel, where we know its convention. The
// C library's functions for it are cancellation points: they look whether the process has threads,
// and if it has, write to the thread's cancellation state, locked, before the call and after it.
// Nobody cancels threads here. It also leaves the caller its registers: 28 instructions less an
// echo. Sanitizers watch the library's functions, so there it stays with those.
#if defined(__x86_64__) && defined(__LP64__) && !defined(HEADRACE_SANITIZED)

namespace {

/// The fifth argument is 0, and a sixth is not looked at by the calls below: it is the length of an
/// address that is not there.
[[gnu::always_inline]] inline long ask_kernel(long call, int descriptor, const void* memory,
                                              std::size_t size, int flags) noexcept {
  register long fourth __asm__("r10") = flags;
  register long fifth __asm__("r8") = 0;
  long answer = call;
  __asm__ volatile("syscall"
                   : "+a"(answer)
                   : "D"(long{descriptor}), "S"(memory), "d"(size), "r"(fourth), "r"(fifth)
                   : "rcx", "r11", "memory");
  return answer;
}

}  // namespace

ssize_t recv(int descriptor, void* bytes, std::size_t size, int flags) noexcept {
  return ask_kernel(SYS_recvfrom, descriptor, bytes, size, flags);
}

ssize_t send(int descriptor, const void* bytes, std::size_t size, int flags) noexcept {
  return ask_kernel(SYS_sendto, descriptor, bytes, size, flags);
}

int epoll_wait(int interest_list, epoll_event* events, int capacity, int timeout_ms) noexcept {
  const auto size = static_cast<std::size_t>(capacity);
  return static_cast<int>(ask_kernel(SYS_epoll_wait, interest_list, events, size, timeout_ms));
}

#else

ssize_t recv(int descriptor, void* bytes, std::size_t size, int flags) noexcept {
  return checked(::recv(descriptor, bytes, size, flags));
}

ssize_t send(int descriptor, const void* bytes, std::size_t size, int flags) noexcept {
  return checked(::send(descriptor, bytes, size, flags));
}

int epoll_wait(int interest_list, epoll_event* events, int capacity, int timeout_ms) noexcept {
  return checked(::epoll_wait(interest_list, events, capacity, timeout_ms));
}

#endif

int socket(int domain, int type, int protocol) noexcept {
  return checked(::socket(domain, type, protocol));
}

int bind(int descriptor, const sockaddr* address, socklen_t length) noexcept {
  return checked(::bind(descriptor, address, length));
}

int listen(int descriptor, int backlog) noexcept { return checked(::listen(descriptor, backlog)); }

int connect(int descriptor, const sockaddr* address, socklen_t length) noexcept {
  return checked(::connect(descriptor, address, length));
}

int accept4(int descriptor, sockaddr* address, socklen_t* length, int flags) noexcept {
  return checked(::accept4(descriptor, address, length, flags));
}

int getsockname(int descriptor, sockaddr* address, socklen_t* length) noexcept {
  return checked(::getsockname(descriptor, address, length));
}

int getpeername(int descriptor, sockaddr* address, socklen_t* length) noexcept {
  return checked(::getpeername(descriptor, address, length));
}

int getsockopt(int descriptor, int level, int name, void* value, socklen_t* length) noexcept {
  return checked(::getsockopt(descriptor, level, name, value, length));
}

int setsockopt(int descriptor, int level, int name, const void* value, socklen_t length) noexcept {
  return checked(::setsockopt(descriptor, level, name, value, length));
}

int shutdown(int descriptor, int how) noexcept { return checked(::shutdown(descriptor, how)); }

ssize_t recvmsg(int descriptor, msghdr* message, int flags) noexcept {
  return checked(::recvmsg(descriptor, message, flags));
}

ssize_t sendmsg(int descriptor, const msghdr* message, int flags) noexcept {
  return checked(::sendmsg(descriptor, message, flags));
}

int recvmmsg(int descriptor, mmsghdr* messages, unsigned count, int flags) noexcept {
  return checked(::recvmmsg(descriptor, messages, count, flags, nullptr));
}

int sendmmsg(int descriptor, mmsghdr* messages, unsigned count, int flags) noexcept {
  return checked(::sendmmsg(descriptor, messages, count, flags));
}

int close(int descriptor) noexcept { return checked(::close(descriptor)); }

int duplicate(int descriptor) noexcept { return checked(::fcntl(descriptor, F_DUPFD_CLOEXEC, 0)); }

int set_nonblocking(int descriptor) noexcept {
  const int flags = ::fcntl(descriptor, F_GETFL);
  if (flags < 0) return -errno;
  return checked(::fcntl(descriptor, F_SETFL, flags | O_NONBLOCK));
}

int set_blocking(int descriptor) noexcept {
  const int flags = ::fcntl(descriptor, F_GETFL);
  if (flags < 0) return -errno;
  return checked(::fcntl(descriptor, F_SETFL, flags & ~O_NONBLOCK));
}

int make_pipe(int descriptors[2], int flags) noexcept {
  return checked(::pipe2(descriptors, flags));
}

int eventfd(unsigned initial, int flags) noexcept { return checked(::eventfd(initial, flags)); }

ssize_t read(int descriptor, void* bytes, std::size_t size) noexcept {
  return checked(::read(descriptor, bytes, size));
}

ssize_t write(int descriptor, const void* bytes, std::size_t size) noexcept {
  return checked(::write(descriptor, bytes, size));
}

int unlink(const char* path) noexcept { return checked(::unlink(path)); }

int chmod(const char* path, mode_t mode) noexcept { return checked(::chmod(path, mode)); }

int fchmod(int descriptor, mode_t mode) noexcept { return checked(::fchmod(descriptor, mode)); }

int lstat(const char* path, struct ::stat* status) noexcept {
  return checked(::lstat(path, status));
}

int fstat(int descriptor, struct ::stat* status) noexcept {
  return checked(::fstat(descriptor, status));
}

int open_lock_file(const char* path) noexcept {
  return checked(::open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
}

int lock_file(int descriptor) noexcept { return checked(::flock(descriptor, LOCK_EX | LOCK_NB)); }

int open_kept_file(const char* path) noexcept {
  return checked(::open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
}

int truncate_file(int descriptor, std::uint64_t size) noexcept {
  return checked(::ftruncate(descriptor, static_cast<off_t>(size)));
}

int open_file(const char* path, int flags) noexcept { return checked(::open(path, flags)); }

int make_directory(const char* path) noexcept { return checked(::mkdir(path, 0700)); }

int remove_directory(const char* path) noexcept { return checked(::rmdir(path)); }

int select(int count, fd_set* readable, fd_set* writable, timeval* limit) noexcept {
  return checked(::select(count, readable, writable, nullptr, limit));
}

int poll(pollfd* entries, nfds_t count, int timeout_ms) noexcept {
  return checked(::poll(entries, count, timeout_ms));
}

int epoll_create1(int flags) noexcept { return checked(::epoll_create1(flags)); }

int epoll_ctl(int interest_list, int action, int descriptor, epoll_event* event) noexcept {
  return checked(::epoll_ctl(interest_list, action, descriptor, event));
}

int futex_wait(const void* word, std::uint32_t expected, const timespec* timeout) noexcept {
  return static_cast<int>(
      checked(::syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, timeout, nullptr, 0)));
}

int futex_wake(const void* word, int waiters) noexcept {
  return static_cast<int>(
      checked(::syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, waiters, nullptr, nullptr, 0)));
}

pid_t getpid() noexcept { return ::getpid(); }

pid_t getppid() noexcept { return ::getppid(); }

pid_t fork() noexcept { return checked(::fork()); }

pid_t waitpid(pid_t child, int* status, int flags) noexcept {
  return checked(::waitpid(child, status, flags));
}

int kill(pid_t process, int signal) noexcept { return checked(::kill(process, signal)); }

// glibc 2.36 declares it without extern "C".
int pidfd_open(pid_t process) noexcept {
  return static_cast<int>(checked(::syscall(SYS_pidfd_open, process, 0)));
}

int signal_process(int pidfd, int signal) noexcept {
  return static_cast<int>(checked(::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0)));
}

int die_with_parent(int signal) noexcept {
  return checked(::prctl(PR_SET_PDEATHSIG, static_cast<unsigned long>(signal)));
}

std::int64_t monotonic_ns() noexcept {
  timespec now{};
  (void)::clock_gettime(CLOCK_MONOTONIC, &now);  // cannot fail for this clock
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

int create_thread(pthread_t* thread, void* (*body)(void*), void* argument) noexcept {
  // Signals to the process are for the thread that serves; ours take what is sent to them (SIGURG)
  // and what they do wrong themselves.
  sigset_t blocked;
  (void)::sigfillset(&blocked);
  for (const int signal :
       {SIGURG, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT, SIGPROF})
    (void)::sigdelset(&blocked, signal);
  pthread_attr_t attributes;
  if (const int error = ::pthread_attr_init(&attributes); error != 0) return -error;
  int error = ::pthread_attr_setsigmask_np(&attributes, &blocked);
  if (error == 0) error = ::pthread_create(thread, &attributes, body, argument);
  (void)::pthread_attr_destroy(&attributes);  // never fails on Linux
  return -error;
}

int signal_thread(pthread_t thread, int signal) noexcept { return -::pthread_kill(thread, signal); }

int join_thread(pthread_t thread) noexcept { return -::pthread_join(thread, nullptr); }

int detach_thread(pthread_t thread) noexcept { return -::pthread_detach(thread); }

void* map_memory(std::size_t size, bool shared) noexcept {
  const int flags = MAP_ANONYMOUS | MAP_NORESERVE | (shared ? MAP_SHARED : MAP_PRIVATE);
  void* const memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, -1, 0);
  return memory == MAP_FAILED ? nullptr : memory;
}

void* map_descriptor(int descriptor, std::size_t size) noexcept {
  void* const memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  return memory == MAP_FAILED ? nullptr : memory;
}

void unmap_memory(void* at, std::size_t size) noexcept {
  (void)::munmap(at, size);
}  // only fails for a bad range

}  // namespace headrace::sys
