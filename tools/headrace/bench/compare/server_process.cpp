// SPDX-License-Identifier: MIT
//
// fork(2) and execv(2), into a process group of its own, so that Ctrl-C on the terminal reaches
// only us and a signal of ours reaches all that the server has started. The kernel ends the server
// when we die without having said so (PR_SET_PDEATHSIG).
#include "bench/compare/server_process.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "bench/interruption.hpp"
#include "escape.hpp"
#include "net/port_owner.hpp"
#include "net/system_calls.hpp"

namespace headrace::bench {

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kPatience = 20 * kSecond;  // until it listens
constexpr std::string_view kListening = "listening on ";

void pause_a_moment() noexcept { (void)sys::poll(nullptr, 0, 1); }

// In the child: only calls that signal-safety(7) allows.
[[noreturn]] void become(const std::vector<char*>& words, int output, const cpu_set_t* cores,
                         pid_t parent) noexcept {
  (void)::setpgid(0, 0);
  (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);  // it died before the kernel knew
  if (cores != nullptr) (void)::sched_setaffinity(0, sizeof *cores, cores);
  const int nothing = ::open("/dev/null", O_RDONLY);
  if (nothing < 0 || ::dup2(nothing, STDIN_FILENO) < 0 || ::dup2(output, STDOUT_FILENO) < 0 ||
      ::dup2(output, STDERR_FILENO) < 0)
    ::_exit(1);
  ::execv(words[0], words.data());
  const char* const why = ::strerrordesc_np(errno);
  (void)!::write(STDERR_FILENO, why, std::strlen(why));
  ::_exit(127);
}

cpu_set_t set_of(const std::vector<int>& cores) noexcept {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int core : cores) CPU_SET(static_cast<std::size_t>(core), &set);
  return set;
}

}  // namespace

ServerProcess::ServerProcess(pid_t pid, net::Socket output) noexcept
    : pid_{pid}, output_{std::move(output)} {
  Interruption::takes_along(pid);
}

ServerProcess::ServerProcess(ServerProcess&& other) noexcept
    : pid_{std::exchange(other.pid_, 0)},
      output_{std::move(other.output_)},
      address_{other.address_} {}

std::expected<ServerProcess, std::string> ServerProcess::start(const Launch& launch,
                                                               const std::atomic<bool>& stop) {
  // Appending: child and grandchildren write, and we read, each at a place of its own.
  net::Socket output{::memfd_create("headrace-bench", MFD_CLOEXEC)};
  if (!output.is_open())
    return std::unexpected(fmt::format("memfd_create: {}", ::strerrordesc_np(errno)));
  (void)::fcntl(output.descriptor(), F_SETFL, O_APPEND);
  std::vector<std::string> texts = launch.words;
  std::vector<char*> words;
  for (std::string& text : texts) words.push_back(text.data());
  words.push_back(nullptr);
  const cpu_set_t cores = set_of(launch.cores.value_or(std::vector<int>{}));
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return std::unexpected(fmt::format("fork: {}", ::strerrordesc_np(errno)));
  if (pid == 0) become(words, output.descriptor(), launch.cores ? &cores : nullptr, parent);
  (void)::setpgid(pid, pid);  // whoever of us two comes first
  ServerProcess server{pid, std::move(output)};
  const std::int64_t until = sys::monotonic_ns() + kPatience;
  while (!server.listens(launch)) {
    if (!server.is_running())
      return std::unexpected(fmt::format("it ended at once: {}", server.last_words()));
    if (sys::monotonic_ns() > until)
      return std::unexpected(fmt::format("it did not listen within 20 s: {}", server.last_words()));
    if (stop) return std::unexpected(std::string{"interrupted"});
    pause_a_moment();
  }
  return server;
}

bool ServerProcess::listens(const Launch& launch) {
  if (launch.port) {
    address_ = Address::ip(Transport::tcp, "127.0.0.1", *launch.port);
    return net::find_port_owners(address_).listening;
  }
  const std::string text = printed(Part::begin);
  const std::size_t at = text.find(kListening);
  if (at == std::string::npos) return false;
  const std::size_t begin = at + kListening.size();
  const std::size_t end = text.find_first_of(" \n", begin);
  if (end == std::string::npos) return false;
  const auto address = Address::parse(std::string_view{text}.substr(begin, end - begin));
  if (address) address_ = *address;
  return address.has_value();
}

bool ServerProcess::is_running() noexcept {
  siginfo_t state{};
  const int asked = ::waitid(P_PID, static_cast<id_t>(pid_), &state, WEXITED | WNOHANG | WNOWAIT);
  return asked == 0 && state.si_pid == 0;
}

std::string ServerProcess::printed(Part part) const {
  std::string text(4096, '\0');
  const off_t length = ::lseek(output_.descriptor(), 0, SEEK_END);
  const off_t from =
      part == Part::begin ? 0 : std::max<off_t>(length - static_cast<off_t>(text.size()), 0);
  const ssize_t size = ::pread(output_.descriptor(), text.data(), text.size(), from);
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  return text;
}

std::string ServerProcess::last_words() const {
  std::string text = printed(Part::end);
  while (text.ends_with('\n')) text.pop_back();
  if (text.empty()) return "it printed nothing";
  return tool::escaped(std::string_view{text}.substr(text.rfind('\n') + 1));
}

void ServerProcess::end() noexcept {
  if (pid_ == 0) return;
  const pid_t group = std::exchange(pid_, 0);
  (void)::kill(-group, SIGTERM);  // it may have ended already
  const std::int64_t until = sys::monotonic_ns() + kSecond;
  while (::waitpid(group, nullptr, WNOHANG) == 0 && sys::monotonic_ns() < until) pause_a_moment();
  (void)::kill(-group, SIGKILL);
  while (::waitpid(group, nullptr, 0) < 0 && errno == EINTR) {
  }
  Interruption::takes_along(0);
}

std::uint16_t free_port() noexcept {
  const net::Socket socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof at;
  auto* const address = reinterpret_cast<sockaddr*>(&at);
  if (::bind(socket.descriptor(), address, length) != 0) return 0;
  return ::getsockname(socket.descriptor(), address, &length) == 0 ? ntohs(at.sin_port) : 0;
}

}  // namespace headrace::bench
