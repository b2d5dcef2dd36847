// SPDX-License-Identifier: MIT
//
// headrace::sys on the simulated kernel: the calls that a server of streams makes. Each lets some
// time pass, may fail as a kernel in order may, and is told to the trace. Not here: calls that no
// simulated server makes (absent_calls.cpp).
#include "calls.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "net/system_calls.hpp"

namespace headrace::simulation {

namespace {

Kernel* current = nullptr;

/// One of these, by chance.
template <std::size_t kCount>
int any_of(Kernel& kernel, const int (&errors)[kCount]) noexcept {
  return -errors[kernel.random.below(kCount)];
}

/// Told that there is something, and finds nothing: it will be told again. Not while the server
/// drains, where finding nothing means that nothing was there.
bool finds_nothing(Kernel& kernel, File& file, std::uint32_t event) noexcept {
  if (kernel.draining || (file.ready() & event) == 0 || !kernel.strikes(kernel.faults.nothing))
    return false;
  file.wake(event);
  return true;
}

/// The peer's.
void write_address(const Connection& stream, sockaddr* to, socklen_t* size) noexcept {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(10'000 + stream.number()));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const auto whole =
      static_cast<socklen_t>(stream.is_unix() ? sizeof(sa_family_t) : sizeof address);
  if (stream.is_unix()) address.sin_family = AF_UNIX;
  std::memcpy(to, &address, std::min(*size, whole));
  *size = whole;
}

int lose(Kernel& kernel, ListeningSocket& listener) noexcept {
  Connection& lost = *listener.queue.front();
  listener.queue.pop_front();
  lost.excused = lost.server_closed = true;
  lost.peer().has_news();
  return any_of(kernel, {ECONNABORTED, EPROTO, EHOSTUNREACH, ETIMEDOUT});
}

int fail_for_want(Kernel& kernel, ListeningSocket& listener, int error) noexcept {
  constexpr std::int64_t kRest = 150'000'000;  // the server asks again every 100 ms
  listener.paused_until = kernel.now + kRest;
  return error;
}

/// What select(2) and poll(2) tell: like epoll, but without EPOLLRDHUP, which nobody asks for.
short events_of(Kernel& kernel, int descriptor, short asked) noexcept {
  File* const file = kernel.at(descriptor);
  if (file == nullptr) return POLLNVAL;
  return static_cast<short>(static_cast<int>(file->ready()) & (asked | POLLERR | POLLHUP));
}

int look_at(Kernel& kernel, pollfd* entries, nfds_t count) noexcept {
  int ready = 0;
  for (nfds_t index = 0; index < count; ++index) {
    pollfd& entry = entries[index];
    entry.revents = entry.fd < 0 ? short{0} : events_of(kernel, entry.fd, entry.events);
    ready += entry.revents != 0 ? 1 : 0;
  }
  return ready;
}

}  // namespace

Kernel& enter() noexcept {
  current->enter();
  return *current;
}

int accept_from(Kernel& kernel, ListeningSocket& listener, sockaddr* address,
                socklen_t* size) noexcept {
  if (kernel.strikes(kernel.faults.interrupted)) return -EINTR;
  if (listener.queue.empty() || finds_nothing(kernel, listener, EPOLLIN)) return -EAGAIN;
  kernel.has_progressed();
  if (kernel.strikes(kernel.faults.lost)) return lose(kernel, listener);
  if (kernel.strikes(kernel.faults.shortage))
    return fail_for_want(kernel, listener, any_of(kernel, {EMFILE, ENFILE, ENOBUFS, ENOMEM}));
  Connection& stream = *listener.queue.front();
  const int descriptor = kernel.install(stream);
  if (descriptor < 0) return fail_for_want(kernel, listener, descriptor);
  listener.queue.pop_front();
  listener.paused_until = 0;
  stream.moved_at = kernel.now;
  kernel.accepted().push_back(&stream);
  kernel.newest = &stream;
  if (address != nullptr) write_address(stream, address, size);
  return descriptor;
}

bool is_interrupted(Kernel& kernel, Connection& stream) noexcept {
  if (!kernel.strikes(kernel.faults.interrupted)) return false;
  stream.restarted_at = kernel.now;
  return true;
}

ssize_t receive_from(Kernel& kernel, Connection& stream, void* bytes, std::size_t size) noexcept {
  if (is_interrupted(kernel, stream)) return -EINTR;
  if (finds_nothing(kernel, stream, EPOLLIN)) return -EAGAIN;
  if (kernel.strikes(kernel.faults.broken)) {
    stream.excused = true;
    stream.restarted_at = kernel.now;
    return any_of(kernel, {ENOBUFS, ENOMEM});
  }
  return stream.receive(bytes, size);
}

ssize_t send_to(Kernel& kernel, Connection& stream, const void* bytes, std::size_t size) noexcept {
  if (is_interrupted(kernel, stream)) return -EINTR;
  if (kernel.strikes(kernel.faults.broken)) {
    stream.excused = true;
    stream.restarted_at = kernel.now;
    return any_of(kernel, {ENOBUFS, ENOMEM});
  }
  return stream.send(bytes, size);
}

CurrentKernel::CurrentKernel(Kernel& kernel) noexcept { current = &kernel; }
CurrentKernel::~CurrentKernel() { current = nullptr; }

}  // namespace headrace::simulation

namespace headrace::sys {

using namespace simulation;

// Sockets.

int socket(int domain, int type, int) noexcept {
  Kernel& kernel = enter();
  if ((type & SOCK_STREAM) == 0) return -EAFNOSUPPORT;
  const int made = kernel.open<ListeningSocket>();
  if (made >= 0) kernel.as<ListeningSocket>(made)->is_unix = domain == AF_UNIX;
  return kernel.told("socket", made, domain, made);
}

int bind(int descriptor, const sockaddr* address, socklen_t length) noexcept {
  Kernel& kernel = enter();
  auto* const listener = kernel.as<ListeningSocket>(descriptor);
  if (listener == nullptr) return -EBADF;
  std::memcpy(&listener->address, address, length);
  listener->address_size = length;
  return kernel.told("bind", descriptor, length, 0);
}

int listen(int descriptor, int backlog) noexcept {
  Kernel& kernel = enter();
  auto* const listener = kernel.as<ListeningSocket>(descriptor);
  if (listener == nullptr) return -EBADF;
  listener->backlog = backlog;
  kernel.listens(*listener);
  return kernel.told("listen", descriptor, backlog, 0);
}

int accept4(int descriptor, sockaddr* address, socklen_t* length, int) noexcept {
  Kernel& kernel = enter();
  auto* const listener = kernel.as<ListeningSocket>(descriptor);
  if (listener == nullptr) return -EBADF;
  const int answer = accept_from(kernel, *listener, address, length);
  const auto left = static_cast<std::int64_t>(listener->queue.size());
  return kernel.told("accept4", descriptor, left, answer);
}

int getsockname(int descriptor, sockaddr* address, socklen_t* length) noexcept {
  Kernel& kernel = enter();
  const auto* const listener = kernel.as<ListeningSocket>(descriptor);
  if (listener == nullptr) return -ENOBUFS;  // nobody asks a stream
  std::memcpy(address, &listener->address, listener->address_size);
  *length = listener->address_size;
  return kernel.told("getsockname", descriptor, 0, 0);
}

int getpeername(int descriptor, sockaddr* address, socklen_t* length) noexcept {
  Kernel& kernel = enter();
  auto* const stream = kernel.as<Connection>(descriptor);
  if (stream != nullptr) kernel.newest = stream;
  if (stream == nullptr || stream->peer_is_gone()) return -ENOTCONN;
  write_address(*stream, address, length);
  return kernel.told("getpeername", stream->number(), 0, 0);
}

int getsockopt(int descriptor, int, int, void* value, socklen_t* length) noexcept {
  Kernel& kernel = enter();
  std::memset(value, 0, *length);
  return kernel.at(descriptor) == nullptr ? -EBADF : 0;
}

int setsockopt(int descriptor, int, int, const void*, socklen_t) noexcept {
  Kernel& kernel = enter();
  return kernel.at(descriptor) == nullptr ? -EBADF : 0;
}

int shutdown(int descriptor, int how) noexcept {
  Kernel& kernel = enter();
  auto* const stream = kernel.as<Connection>(descriptor);
  if (stream == nullptr) return -ENOTCONN;
  kernel.has_progressed();
  return kernel.told("shutdown", stream->number(), how, stream->shut(how));
}

ssize_t recv(int descriptor, void* bytes, std::size_t size, int) noexcept {
  Kernel& kernel = enter();
  auto* const stream = kernel.as<Connection>(descriptor);
  if (stream == nullptr) return -EBADF;
  const ssize_t answer = receive_from(kernel, *stream, bytes, size);
  if (answer >= 0) kernel.has_progressed();
  return kernel.told("recv", stream->number(), static_cast<std::int64_t>(stream->unread()), answer);
}

ssize_t send(int descriptor, const void* bytes, std::size_t size, int) noexcept {
  Kernel& kernel = enter();
  auto* const stream = kernel.as<Connection>(descriptor);
  if (stream == nullptr) return -EBADF;
  const ssize_t answer = send_to(kernel, *stream, bytes, size);
  if (answer >= 0) kernel.has_progressed();
  return kernel.told("send", stream->number(), static_cast<std::int64_t>(size), answer);
}

// Descriptors.

int close(int descriptor) noexcept {
  Kernel& kernel = enter();
  kernel.has_progressed();
  const int answer = kernel.close(descriptor);
  // On Linux it is closed whatever close(2) says.
  if (answer == 0 && kernel.strikes(kernel.faults.interrupted)) return -EINTR;
  return kernel.told("close", descriptor, 0, answer);
}

int duplicate(int descriptor) noexcept {
  Kernel& kernel = enter();
  File* const file = kernel.at(descriptor);
  const int made = file == nullptr ? -EBADF : kernel.install(*file);
  return kernel.told("dup", descriptor, 0, made);
}

int set_nonblocking(int descriptor) noexcept {
  return enter().at(descriptor) == nullptr ? -EBADF : 0;
}

int fchmod(int descriptor, mode_t) noexcept {
  return enter().at(descriptor) == nullptr ? -EBADF : 0;
}

int eventfd(unsigned initial, int flags) noexcept {
  Kernel& kernel = enter();
  const int made = kernel.open<Counter>(initial, (flags & EFD_SEMAPHORE) != 0);
  return kernel.told("eventfd", made, initial, made);
}

ssize_t read(int descriptor, void* bytes, std::size_t size) noexcept {
  Kernel& kernel = enter();
  File* const file = kernel.at(descriptor);
  const ssize_t answer = file == nullptr ? -EBADF : file->read(bytes, size);
  if (answer > 0) kernel.has_progressed();
  return kernel.told("read", descriptor, static_cast<std::int64_t>(size), answer);
}

ssize_t write(int descriptor, const void* bytes, std::size_t size) noexcept {
  Kernel& kernel = enter();
  File* const file = kernel.at(descriptor);
  const ssize_t answer = file == nullptr ? -EBADF : file->write(bytes, size);
  return kernel.told("write", descriptor, static_cast<std::int64_t>(size), answer);
}

// Waiting.

int epoll_create1(int) noexcept {
  Kernel& kernel = enter();
  const int made = kernel.open<InterestList>();
  return kernel.told("epoll_create1", made, 0, made);
}

int epoll_ctl(int interest_list, int action, int descriptor, epoll_event* event) noexcept {
  Kernel& kernel = enter();
  auto* const list = kernel.as<InterestList>(interest_list);
  File* const file = kernel.at(descriptor);
  if (list == nullptr || file == nullptr) return -EBADF;
  int answer = 0;
  auto* const stream = dynamic_cast<Connection*>(file);
  if (action == EPOLL_CTL_ADD && stream != nullptr && kernel.strikes(kernel.faults.unwatched)) {
    stream->excused = true;
    answer = any_of(kernel, {ENOSPC, ENOMEM});
  } else {
    answer = list->change(action, descriptor, *file, event);
  }
  const std::int64_t asked = event == nullptr ? 0 : event->events;
  return kernel.told("epoll_ctl", stream != nullptr ? stream->number() : descriptor, asked, answer);
}

int epoll_wait(int interest_list, epoll_event* events, int capacity, int timeout_ms) noexcept {
  Kernel& kernel = enter();
  auto* const list = kernel.as<InterestList>(interest_list);
  if (list == nullptr) return -EBADF;
  kernel.waits_again();
  list->begin_batch();
  if (kernel.strikes(kernel.faults.interrupted)) return -EINTR;
  const int told = kernel.wait(timeout_ms, [=] { return list->collect(events, capacity); });
  return kernel.told("epoll_wait", interest_list, timeout_ms, told);
}

int poll(pollfd* entries, nfds_t count, int timeout_ms) noexcept {
  Kernel& kernel = enter();
  if (count == 0) return kernel.rest(timeout_ms), 0;
  if (count > 1) kernel.waits_again();  // else somebody only looks at one descriptor
  if (timeout_ms != 0 && kernel.strikes(kernel.faults.interrupted)) return -EINTR;
  const int ready = kernel.wait(timeout_ms, [&] { return look_at(kernel, entries, count); });
  return kernel.told("poll", static_cast<std::int64_t>(count), timeout_ms, ready);
}

int select(int count, fd_set* readable, fd_set* writable, timeval* limit) noexcept {
  Kernel& kernel = enter();
  const auto limit_ms =
      limit == nullptr ? -1 : static_cast<int>(limit->tv_sec * 1000 + limit->tv_usec / 1000);
  kernel.waits_again();
  if (kernel.strikes(kernel.faults.interrupted)) return -EINTR;
  std::array<pollfd, FD_SETSIZE> entries;
  nfds_t used = 0;
  for (int descriptor = 0; descriptor < count; ++descriptor) {
    const bool reads = FD_ISSET(descriptor, readable);
    const bool writes = writable != nullptr && FD_ISSET(descriptor, writable);
    if (!reads && !writes) continue;
    entries[used++] = {descriptor,
                       static_cast<short>((reads ? POLLIN : 0) | (writes ? POLLOUT : 0)), 0};
  }
  const int ready = kernel.wait(limit_ms, [&] { return look_at(kernel, entries.data(), used); });
  int bits = 0;
  for (nfds_t index = 0; index < used; ++index) {
    const auto& [descriptor, asked, told] = entries[index];
    const bool reads = (asked & POLLIN) != 0 && (told & (POLLIN | POLLHUP | POLLERR)) != 0;
    const bool writes = (asked & POLLOUT) != 0 && (told & (POLLOUT | POLLERR)) != 0;
    if (!reads) FD_CLR(descriptor, readable);
    if (!writes && writable != nullptr) FD_CLR(descriptor, writable);
    bits += (reads ? 1 : 0) + (writes ? 1 : 0);
  }
  return kernel.told("select", ready, limit_ms, bits);
}

// Time and memory.

std::int64_t monotonic_ns() noexcept { return current->now; }

void* map_memory(std::size_t size, bool shared) noexcept {
  Kernel& kernel = enter();
  if (!shared && kernel.strikes(kernel.faults.shortage)) {
    ++kernel.refused_memory;
    return nullptr;
  }
  const int flags = MAP_ANONYMOUS | MAP_NORESERVE | (shared ? MAP_SHARED : MAP_PRIVATE);
  void* const memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  kernel.mapped[memory] = size;
  return memory;
}

void unmap_memory(void* at, std::size_t size) noexcept {
  Kernel& kernel = enter();
  if (kernel.mapped.erase(at) == 0) kernel.complain("memory is given back that nobody has");
  (void)::munmap(at, size);
}

}  // namespace headrace::sys
