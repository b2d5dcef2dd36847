// SPDX-License-Identifier: MIT
//
// tracefs is files: mkdir instances/NAME makes a buffer, writing "1" to an event's `enable` fills
// it, reading `trace_pipe` empties it, rmdir ends it all. rmdir fails with EBUSY while somebody has
// one of its files open, which is how a living program's instance is told from a dead one's.
//
// Not here: mounting tracefs, which is the administrator's to decide.
#include "tcp_state/trace.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <string_view>
#include <system_error>

#include <fcntl.h>

#include "net/system_calls.hpp"

namespace headrace::tcp {

namespace {

constexpr std::array kMountPoints{"/sys/kernel/tracing", "/sys/kernel/debug/tracing"};
constexpr std::string_view kPrefix = "headrace-";
constexpr const char* kEvent = "/events/sock/inet_sock_set_state";
constexpr const char* kBufferKiB = "2048";  // a processor: some 15,000 changes
constexpr std::size_t kLongestLine = 4096;  // of a line that never ends
constexpr int kMostTries = 10;              // to make the instance
constexpr int kMostReads = 400;             // a call

Result<> write_file(const std::string& path, std::string_view text, const char* call) {
  const int descriptor = sys::open_file(path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC);
  if (descriptor < 0) return fail_errno(call, descriptor);
  const net::Socket file{descriptor};
  const ssize_t written = sys::write(descriptor, text.data(), text.size());
  if (written < 0) return fail_errno(call, static_cast<int>(written));
  return {};
}

// What a program left that was killed.
void remove_stale(const std::string& instances) {
  std::error_code failed;
  for (std::filesystem::directory_iterator at{instances, failed}, end; !failed && at != end;
       at.increment(failed))
    if (at->path().filename().string().starts_with(kPrefix))
      (void)sys::remove_directory(at->path().c_str());  // EBUSY: it is in use
}

Result<std::string> find_instances() {
  int last = -ENOENT;
  for (const char* const mount : kMountPoints) {
    std::string instances = std::string{mount} + "/instances";
    const int descriptor = sys::open_file(instances.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor >= 0) {
      const net::Socket closes{descriptor};
      return instances;
    }
    if (descriptor != -ENOENT) last = descriptor;
  }
  if (last == -ENOENT)
    return fail(Errc::not_supported,
                "tracefs is not mounted (mount -t tracefs nodev /sys/kernel/tracing)");
  return fail_errno("open tracefs", last);
}

bool is_passing(const Failure& failure) noexcept {
  return failure.code != Errc::permission_denied && failure.code != Errc::not_supported;
}

}  // namespace

// While another program that starts removes what it takes for left over, any step may fail.
Result<TraceInstance> TraceInstance::open(const TcpFilter& filter) {
  auto opened = open_once(filter);
  for (int tries = 1; tries < kMostTries && !opened && is_passing(opened.error()); ++tries)
    if (auto again = open_once(filter)) return again;
  return opened;
}

Result<TraceInstance> TraceInstance::open_once(const TcpFilter& filter) {
  const auto instances = find_instances();
  if (!instances) return std::unexpected(instances.error());
  remove_stale(*instances);
  TraceInstance instance{{}};
  if (auto made = instance.make(*instances); !made) return std::unexpected(made.error());

  const std::string event = instance.path_ + kEvent;
  if (auto set = write_file(instance.path_ + "/trace_clock", "mono", "trace_clock"); !set)
    return std::unexpected(set.error());
  // Less is less: what does not fit is told as lost.
  (void)write_file(instance.path_ + "/buffer_size_kb", kBufferKiB, "buffer_size_kb");
  if (auto set = instance.set_filter(filter); !set) return std::unexpected(set.error());
  if (auto set = write_file(event + "/enable", "1", "enable sock:inet_sock_set_state"); !set)
    return std::unexpected(set.error());
  return instance;
}

// Between mkdir and open the instance looks left over, and another program that starts may remove
// it. The time in its name tells it from one whose maker has the same id in another PID namespace.
Result<> TraceInstance::make(const std::string& instances) {
  int error = -ENOENT;
  for (int tries = 0;
       tries < kMostTries && (error == -ENOENT || error == -EEXIST || error == -ENODEV); ++tries) {
    const std::string path = instances + "/" + std::string{kPrefix} +
                             std::to_string(sys::getpid()) + "-" +
                             std::to_string(sys::monotonic_ns());
    error = sys::make_directory(path.c_str());
    if (error < 0) continue;
    const std::string pipe = path + "/trace_pipe";
    error = sys::open_file(pipe.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (error < 0) {
      (void)sys::remove_directory(path.c_str());  // ENOENT: another did
      continue;
    }
    pipe_ = net::Socket{error};
    path_ = path;
    return {};
  }
  return fail_errno("mkdir (trace instance)", error);
}

TraceInstance::~TraceInstance() {
  if (path_.empty()) return;
  (void)write_file(path_ + kEvent + "/enable", "0", "");  // the removal ends it in any case
  pipe_ = net::Socket{};
  (void)sys::remove_directory(path_.c_str());  // left over: the next start removes it
}

Result<> TraceInstance::set_filter(const TcpFilter& filter) const {
  std::string text = "protocol == " + std::to_string(IPPROTO_TCP);
  if (filter.port != 0) {
    const std::string port = std::to_string(filter.port);
    text += " && (sport == " + port + " || dport == " + port + ")";
  }
  return write_file(path_ + kEvent + "/filter", text, "filter of sock:inet_sock_set_state");
}

Result<> TraceInstance::read(const Visitor& visitor, TcpSourceStatus& status) {
  std::array<char, 64 * 1024> room;
  for (int reads = 0; reads < kMostReads; ++reads) {
    const ssize_t size = sys::read(pipe_.descriptor(), room.data(), room.size());
    if (size == -EINTR) continue;
    if (size == -EAGAIN || size == 0) return {};
    if (size < 0) return fail_errno("read trace_pipe", static_cast<int>(size));
    begun_.append(room.data(), static_cast<std::size_t>(size));
    take_lines(visitor, status);
  }
  return {};
}

void TraceInstance::take_lines(const Visitor& visitor, TcpSourceStatus& status) {
  std::string_view left = begun_;
  for (std::size_t end = left.find('\n'); end != std::string_view::npos; end = left.find('\n')) {
    const std::string_view line = left.substr(0, end);
    left.remove_prefix(end + 1);
    if (const auto record = read_trace_line(line)) {
      ++status.read;
      visitor.record(visitor.self, *record);
    } else if (const std::uint64_t lost = read_lost_line(line); lost != 0) {
      status.lost += lost;
      ++status.gaps;
    }
  }
  begun_.erase(0, begun_.size() - left.size());
  if (begun_.size() > kLongestLine) begun_.clear();
}

}  // namespace headrace::tcp
