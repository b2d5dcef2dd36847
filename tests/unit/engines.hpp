// SPDX-License-Identifier: MIT
//
// For tests of what runs on an engine: one of every kind there is, connections whose other end is a
// plain socket that no engine knows, and an end for whatever hangs.
#pragma once

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "headrace/headrace.hpp"

namespace headrace::testing_support {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr unsigned kSlowness = 5;
#else
constexpr unsigned kSlowness = 1;
#endif

/// Ends the program when what it surrounds hangs.
class Patience {
 public:
  explicit Patience(unsigned seconds = 50) noexcept { ::alarm(kSlowness * seconds); }
  Patience(const Patience&) = delete;
  Patience& operator=(const Patience&) = delete;
  ~Patience() { ::alarm(0); }
};

/// So long is longer than anything here takes, and short enough to wait for when it is broken.
constexpr auto kLong = 10s * kSlowness;
inline Deadline soon() { return Deadline::after(kLong); }

inline std::vector<EngineKind> engine_kinds() {
  std::vector<EngineKind> kinds;
  for (int kind = 0; kind < static_cast<int>(EngineKind::io_uring); ++kind)
    kinds.push_back(static_cast<EngineKind>(kind));
  if (can_run(Model::io_uring)) kinds.push_back(EngineKind::io_uring);
  return kinds;
}

inline std::string name_of(EngineKind kind) {
  std::string name{to_text(kind)};
  for (char& letter : name)
    if (letter == '-') letter = '_';
  return name;
}

inline std::unique_ptr<Engine> make_engine(EngineKind kind) {
  auto made = Engine::create(kind);
  if (!made) throw std::runtime_error{std::string{to_text(kind)} + ": " + made.error().reason()};
  return std::move(*made);
}

/// A test that runs on an engine of each kind.
class OnEveryEngine : public testing::TestWithParam<EngineKind> {
 protected:
  std::unique_ptr<Engine> owner = make_engine(GetParam());
  Engine& engine = *owner;
  Patience patience{};
};

#define HEADRACE_ON_EVERY_ENGINE(suite)                                       \
  INSTANTIATE_TEST_SUITE_P(Engines, suite, testing::ValuesIn(engine_kinds()), \
                           [](const auto& test) { return testing_support::name_of(test.param); })

/// A plain descriptor, closed at the end.
class Plain {
 public:
  explicit Plain(int descriptor = -1) noexcept : descriptor_{descriptor} {}
  Plain(Plain&& other) noexcept : descriptor_{std::exchange(other.descriptor_, -1)} {}
  Plain& operator=(Plain&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~Plain() { close(); }
  void close() noexcept {
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  }
  operator int() const noexcept { return descriptor_; }

 private:
  int descriptor_;
};

struct Pipe {
  Plain reading;
  Plain writing;
  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) throw std::runtime_error{"pipe"};
    reading = Plain{ends[0]};
    writing = Plain{ends[1]};
  }
  void put(std::string_view text) const {
    EXPECT_EQ(::write(writing, text.data(), text.size()), ssize_t(text.size()));
  }
};

/// A plain listening socket on loopback, or at an abstract Unix name.
class PlainListener {
 public:
  explicit PlainListener(Transport transport = Transport::tcp) : transport_{transport} {
    descriptor_ = Plain{::socket(transport == Transport::tcp ? AF_INET : AF_UNIX, SOCK_STREAM, 0)};
    sockaddr_in ip{};
    ip.sin_family = AF_INET;
    ip.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sockaddr_un local{};
    local.sun_family =
        AF_UNIX;  // bound with no name, the kernel chooses an abstract one: unix(7), "Autobind"
    const int bound =
        transport == Transport::tcp
            ? ::bind(descriptor_, reinterpret_cast<sockaddr*>(&ip), sizeof ip)
            : ::bind(descriptor_, reinterpret_cast<sockaddr*>(&local), sizeof(sa_family_t));
    if (bound != 0 || ::listen(descriptor_, 2048) != 0) throw std::runtime_error{"listen"};
  }

  [[nodiscard]] Address address() const {
    sockaddr_storage at{};
    socklen_t length = sizeof at;
    ::getsockname(descriptor_, reinterpret_cast<sockaddr*>(&at), &length);
    if (transport_ == Transport::tcp)
      return Address::ip(Transport::tcp, "127.0.0.1",
                         ntohs(reinterpret_cast<sockaddr_in&>(at).sin_port));
    const auto& local = reinterpret_cast<sockaddr_un&>(at);
    std::string name{local.sun_path, length - sizeof(sa_family_t)};
    name[0] = '@';
    return Address::local(Transport::unix_stream, name);
  }
  [[nodiscard]] Plain accept() const { return Plain{::accept(descriptor_, nullptr, nullptr)}; }

 private:
  Transport transport_;
  Plain descriptor_;
};

/// A connection: our end on an engine, the other end a plain blocking socket.
struct Wire {
  Stream stream;
  Plain peer;

  void put(std::string_view text) const {
    EXPECT_EQ(::send(peer, text.data(), text.size(), MSG_NOSIGNAL), ssize_t(text.size()));
  }
};

inline Task<Wire> connect_to(Engine& engine, const PlainListener& listener) {
  auto stream = co_await connect(engine, listener.address(), soon());
  if (!stream) throw std::runtime_error{std::string{"connect: "} + stream.error().reason()};
  co_return Wire{std::move(*stream), listener.accept()};
}

/// Everything until the peer's end, or what came before a failure other than that.
inline Task<std::string> receive_all(Stream& stream, Failure& end) {
  std::string all;
  for (;;) {
    auto bytes = co_await stream.receive(soon());
    if (!bytes) {
      end = bytes.error();
      co_return all;
    }
    all += text_of(*bytes);
  }
}

/// The code of a failed result; a success is what the test did not expect.
template <class T>
Errc code_of(const Result<T>& result) {
  EXPECT_FALSE(result.has_value()) << "this should have failed";
  return result ? Errc{} : result.error().code;
}

inline std::string text_or_reason(const Result<Buffer>& received) {
  return std::string{received ? text_of(*received) : std::string_view{received.error().reason()}};
}

/// `size` bytes that tell where they belong.
inline std::string pattern(std::size_t size, unsigned seed = 1) {
  std::string text(size, '\0');
  std::uint32_t state = seed * 2654435761U + 1;
  for (char& letter : text) {
    state = state * 1664525U + 1013904223U;
    letter = static_cast<char>(state >> 24);
  }
  return text;
}

}  // namespace headrace::testing_support

namespace headrace {
// Where GoogleTest looks for them.
inline void PrintTo(Errc code, std::ostream* out) {
  *out << (code == Errc{} ? "success" : to_text(code));
}
inline void PrintTo(EngineKind kind, std::ostream* out) { *out << to_text(kind); }
inline void PrintTo(Model model, std::ostream* out) { *out << info(model).name; }
}  // namespace headrace
