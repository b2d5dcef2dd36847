// SPDX-License-Identifier: MIT
//
// Behind net/system_calls.hpp: the real kernel, with faults by plan. Which errors a plan may choose
// from stands in plausible_errors.cpp.
//
// A read that is cut short leaves bytes in the socket, of which an edge-triggered epoll would never
// tell again, as no real read does. So it is made what it stands for, bytes that came later: the
// socket is entered anew, which lets the kernel tell of what is there.
#include "faulty_calls.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <vector>

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

#include "net/system_calls.hpp"

namespace headrace::faults {

namespace {

Plan plan;
std::array<std::atomic<std::uint32_t>, kCalls> made;
std::atomic<bool> struck;
std::atomic<std::uint32_t> drawn;
std::atomic<void (*)()> before_recv, before_write;

struct Watched {
  int interest_list;
  int descriptor;
  epoll_event event;
};
std::mutex watched_mutex;
std::vector<Watched> watched;

}  // namespace

int next_fault(Call call) noexcept {
  const std::uint32_t number = ++made[static_cast<std::size_t>(call)];
  if (plan.nth == 0 || call != plan.call || number != plan.nth) return 0;
  struck = true;
  return plan.error;
}

std::uint32_t draw() noexcept {
  std::uint32_t state = (plan.seed * 2654435761U) ^ (++drawn * 2246822519U);
  state ^= state >> 15;
  state *= 2654435761U;
  state ^= state >> 13;
  return state;
}

bool by_chance(std::uint32_t one_in) noexcept { return plan.seed != 0 && draw() % one_in == 0; }

namespace {

std::size_t cut_short(std::size_t size) noexcept {
  if (size < 2 || !by_chance(2)) return size;
  const std::uint32_t most = std::uint32_t{1} << (draw() % 16);
  return std::min<std::size_t>(size, 1 + draw() % most);
}

void tell_again(int descriptor) noexcept {
  const std::lock_guard lock{watched_mutex};
  for (Watched& entry : watched)
    if (entry.descriptor == descriptor)
      (void)::epoll_ctl(entry.interest_list, EPOLL_CTL_MOD, descriptor,
                        &entry.event);  // it may be closed by now
}

template <class Value>
Value checked(Value result) noexcept {
  return result < 0 ? static_cast<Value>(-errno) : result;
}

/// `real()`, unless the plan has it fail.
template <class Real>
auto call(Call which, Real real) noexcept -> decltype(real()) {
  if (const int error = next_fault(which); error != 0) return static_cast<decltype(real())>(-error);
  return checked(real());
}

/// The same for one that a signal may interrupt.
template <class Real>
auto interruptible(Call which, Real real) noexcept -> decltype(real()) {
  if (by_chance(8)) return static_cast<decltype(real())>(-EINTR);
  return call(which, real);
}

bool waits(int descriptor, int flags) noexcept {
  return (flags & MSG_DONTWAIT) == 0 && (::fcntl(descriptor, F_GETFL) & O_NONBLOCK) == 0;
}

/// The same for one that does not wait, if the socket is made so: it may find nothing although it
/// was told that there is something, and will be told again.
template <class Real>
auto finding_nothing(Call which, int descriptor, int flags, Real real) noexcept
    -> decltype(real()) {
  if (by_chance(8)) return static_cast<decltype(real())>(-EINTR);
  const int planned = next_fault(which);
  const int error = planned == 0 && by_chance(8) ? EAGAIN : planned;
  if (error == 0 || (error == EAGAIN && waits(descriptor, flags))) return checked(real());
  if (error == EAGAIN) tell_again(descriptor);
  return static_cast<decltype(real())>(-error);
}

}  // namespace

void begin(const Plan& next) noexcept {
  plan = next;
  for (auto& counter : made) counter = 0;
  struck = false;
  drawn = 0;
  before_recv = nullptr;
  before_write = nullptr;
}

std::array<std::uint32_t, kCalls> counts() noexcept {
  std::array<std::uint32_t, kCalls> copy{};
  std::ranges::copy(made, copy.begin());
  return copy;
}

bool has_struck() noexcept { return struck; }
void before_each_recv(void (*what)()) noexcept { before_recv = what; }
void before_each_write(void (*what)()) noexcept { before_write = what; }

}  // namespace headrace::faults

namespace headrace::sys {

using namespace faults;

int socket(int domain, int type, int protocol) noexcept {
  return call(Call::socket, [=] { return ::socket(domain, type, protocol); });
}

int bind(int descriptor, const sockaddr* address, socklen_t length) noexcept {
  return call(Call::bind, [=] { return ::bind(descriptor, address, length); });
}

int listen(int descriptor, int backlog) noexcept {
  return call(Call::listen, [=] { return ::listen(descriptor, backlog); });
}

int connect(int descriptor, const sockaddr* address, socklen_t length) noexcept {
  return call(Call::connect, [=] { return ::connect(descriptor, address, length); });
}

int accept4(int descriptor, sockaddr* address, socklen_t* length, int flags) noexcept {
  return finding_nothing(Call::accept4, descriptor, 0,
                         [=] { return ::accept4(descriptor, address, length, flags); });
}

int getsockname(int descriptor, sockaddr* address, socklen_t* length) noexcept {
  return call(Call::getsockname, [=] { return ::getsockname(descriptor, address, length); });
}

int getpeername(int descriptor, sockaddr* address, socklen_t* length) noexcept {
  return call(Call::getpeername, [=] { return ::getpeername(descriptor, address, length); });
}

int getsockopt(int descriptor, int level, int name, void* value, socklen_t* length) noexcept {
  return call(Call::getsockopt,
              [=] { return ::getsockopt(descriptor, level, name, value, length); });
}

int setsockopt(int descriptor, int level, int name, const void* value, socklen_t length) noexcept {
  return call(Call::setsockopt,
              [=] { return ::setsockopt(descriptor, level, name, value, length); });
}

int shutdown(int descriptor, int how) noexcept {
  return call(Call::shutdown, [=] { return ::shutdown(descriptor, how); });
}

ssize_t recv(int descriptor, void* bytes, std::size_t size, int flags) noexcept {
  if (void (*const what)() = before_recv) what();
  const std::size_t asked = cut_short(size);
  const ssize_t got = finding_nothing(Call::recv, descriptor, flags,
                                      [=] { return ::recv(descriptor, bytes, asked, flags); });
  if (asked < size && got > 0) tell_again(descriptor);
  return got;
}

ssize_t send(int descriptor, const void* bytes, std::size_t size, int flags) noexcept {
  const std::size_t asked = cut_short(size);
  return finding_nothing(Call::send, descriptor, flags,
                         [=] { return ::send(descriptor, bytes, asked, flags); });
}

// A datagram comes whole or not at all: only what waits, or how many are taken, is up to chance.

ssize_t recvmsg(int descriptor, msghdr* message, int flags) noexcept {
  return finding_nothing(Call::recvmsg, descriptor, flags,
                         [=] { return ::recvmsg(descriptor, message, flags); });
}

ssize_t sendmsg(int descriptor, const msghdr* message, int flags) noexcept {
  return finding_nothing(Call::sendmsg, descriptor, flags,
                         [=] { return ::sendmsg(descriptor, message, flags); });
}

int recvmmsg(int descriptor, mmsghdr* messages, unsigned count, int flags) noexcept {
  const auto asked = static_cast<unsigned>(cut_short(count));
  const int got = finding_nothing(Call::recvmmsg, descriptor, flags, [=] {
    return ::recvmmsg(descriptor, messages, asked, flags, nullptr);
  });
  if (asked < count && got > 0) tell_again(descriptor);
  return got;
}

int sendmmsg(int descriptor, mmsghdr* messages, unsigned count, int flags) noexcept {
  const auto asked = static_cast<unsigned>(cut_short(count));
  return finding_nothing(Call::sendmmsg, descriptor, flags,
                         [=] { return ::sendmmsg(descriptor, messages, asked, flags); });
}

int close(int descriptor) noexcept {
  {
    const std::lock_guard lock{watched_mutex};
    std::erase_if(watched, [=](const Watched& entry) {
      return entry.descriptor == descriptor || entry.interest_list == descriptor;
    });
  }
  const int error = next_fault(Call::close);
  const int answer = checked(::close(descriptor));  // on Linux it is closed whatever close(2) says
  return error != 0 ? -error : answer;
}

int duplicate(int descriptor) noexcept {
  return call(Call::duplicate, [=] { return ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0); });
}

int set_nonblocking(int descriptor) noexcept {
  return call(Call::set_nonblocking, [=] {
    return ::fcntl(descriptor, F_SETFL, ::fcntl(descriptor, F_GETFL) | O_NONBLOCK);
  });
}

int set_blocking(int descriptor) noexcept {
  return call(Call::set_blocking, [=] {
    return ::fcntl(descriptor, F_SETFL, ::fcntl(descriptor, F_GETFL) & ~O_NONBLOCK);
  });
}

int make_pipe(int descriptors[2], int flags) noexcept {
  return call(Call::make_pipe, [=] { return ::pipe2(descriptors, flags); });
}

int eventfd(unsigned initial, int flags) noexcept {
  return call(Call::eventfd, [=] { return ::eventfd(initial, flags); });
}

ssize_t read(int descriptor, void* bytes, std::size_t size) noexcept {
  return call(Call::read, [=] { return ::read(descriptor, bytes, size); });
}

ssize_t write(int descriptor, const void* bytes, std::size_t size) noexcept {
  if (void (*const what)() = before_write) what();
  return call(Call::write, [=] { return ::write(descriptor, bytes, size); });
}

int unlink(const char* path) noexcept {
  return call(Call::unlink, [=] { return ::unlink(path); });
}

int chmod(const char* path, mode_t mode) noexcept {
  return call(Call::chmod, [=] { return ::chmod(path, mode); });
}

int fchmod(int descriptor, mode_t mode) noexcept {
  return call(Call::fchmod, [=] { return ::fchmod(descriptor, mode); });
}

int lstat(const char* path, struct ::stat* status) noexcept {
  return call(Call::lstat, [=] { return ::lstat(path, status); });
}

int fstat(int descriptor, struct ::stat* status) noexcept {
  return call(Call::fstat, [=] { return ::fstat(descriptor, status); });
}

int open_lock_file(const char* path) noexcept {
  return call(Call::open_lock_file,
              [=] { return ::open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600); });
}

int lock_file(int descriptor) noexcept {
  return call(Call::lock_file, [=] { return ::flock(descriptor, LOCK_EX | LOCK_NB); });
}

// Of files that no scenario opens.
int open_kept_file(const char* path) noexcept {
  const int answer = ::open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  return answer < 0 ? -errno : answer;
}

int truncate_file(int descriptor, std::uint64_t size) noexcept {
  return ::ftruncate(descriptor, static_cast<off_t>(size)) < 0 ? -errno : 0;
}

int open_file(const char* path, int flags) noexcept {
  return call(Call::open_file, [=] { return ::open(path, flags); });
}

int make_directory(const char* path) noexcept {
  return call(Call::make_directory, [=] { return ::mkdir(path, 0700); });
}

int remove_directory(const char* path) noexcept {
  return call(Call::remove_directory, [=] { return ::rmdir(path); });
}

int select(int count, fd_set* readable, fd_set* writable, timeval* limit) noexcept {
  return interruptible(Call::select,
                       [=] { return ::select(count, readable, writable, nullptr, limit); });
}

int poll(pollfd* entries, nfds_t count, int timeout_ms) noexcept {
  return interruptible(Call::poll, [=] { return ::poll(entries, count, timeout_ms); });
}

int epoll_create1(int flags) noexcept {
  return call(Call::epoll_create1, [=] { return ::epoll_create1(flags); });
}

int epoll_ctl(int interest_list, int action, int descriptor, epoll_event* event) noexcept {
  if (action == EPOLL_CTL_DEL)
    return checked(::epoll_ctl(interest_list, action, descriptor, event));  // cannot fail
  const int answer =
      call(Call::epoll_ctl, [=] { return ::epoll_ctl(interest_list, action, descriptor, event); });
  if (answer < 0) return answer;
  const std::lock_guard lock{watched_mutex};
  std::erase_if(watched, [=](const Watched& entry) {
    return entry.descriptor == descriptor && entry.interest_list == interest_list;
  });
  watched.push_back({interest_list, descriptor, *event});
  return answer;
}

int epoll_wait(int interest_list, epoll_event* events, int capacity, int timeout_ms) noexcept {
  return interruptible(Call::epoll_wait,
                       [=] { return ::epoll_wait(interest_list, events, capacity, timeout_ms); });
}

int futex_wait(const void* word, std::uint32_t expected, const timespec* timeout) noexcept {
  return interruptible(Call::futex_wait, [=] {
    return static_cast<int>(
        ::syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, timeout, nullptr, 0));
  });
}

int futex_wake(const void* word, int waiters) noexcept {
  return static_cast<int>(
      checked(::syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, waiters, nullptr, nullptr, 0)));
}

pid_t getpid() noexcept { return ::getpid(); }
pid_t getppid() noexcept { return ::getppid(); }
pid_t fork() noexcept {
  return call(Call::fork, [] { return ::fork(); });
}

pid_t waitpid(pid_t child, int* status, int flags) noexcept {
  return call(Call::waitpid, [=] { return ::waitpid(child, status, flags); });
}

int kill(pid_t process, int signal) noexcept {
  return call(Call::kill, [=] { return ::kill(process, signal); });
}

int pidfd_open(pid_t process) noexcept {
  return call(Call::pidfd_open,
              [=] { return static_cast<int>(::syscall(SYS_pidfd_open, process, 0)); });
}

int signal_process(int pidfd, int signal) noexcept {
  return call(Call::kill, [=] {
    return static_cast<int>(::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0));
  });
}

int die_with_parent(int signal) noexcept {
  return checked(::prctl(PR_SET_PDEATHSIG, static_cast<unsigned long>(signal)));
}

std::int64_t monotonic_ns() noexcept {
  timespec now{};
  (void)::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

int create_thread(pthread_t* thread, void* (*body)(void*), void* argument) noexcept {
  if (const int error = next_fault(Call::create_thread); error != 0) return -error;
  return -::pthread_create(thread, nullptr, body, argument);
}

int signal_thread(pthread_t thread, int signal) noexcept { return -::pthread_kill(thread, signal); }
int join_thread(pthread_t thread) noexcept { return -::pthread_join(thread, nullptr); }
int detach_thread(pthread_t thread) noexcept { return -::pthread_detach(thread); }

void* map_memory(std::size_t size, bool shared) noexcept {
  if (next_fault(Call::map_memory) != 0) return nullptr;
  const int flags = MAP_ANONYMOUS | MAP_NORESERVE | (shared ? MAP_SHARED : MAP_PRIVATE);
  void* const memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, -1, 0);
  return memory == MAP_FAILED ? nullptr : memory;
}

// Not failed by plan: what tests run here opens no packet socket.
void* map_descriptor(int descriptor, std::size_t size) noexcept {
  void* const memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  return memory == MAP_FAILED ? nullptr : memory;
}

void unmap_memory(void* at, std::size_t size) noexcept { (void)::munmap(at, size); }

}  // namespace headrace::sys
