// SPDX-License-Identifier: MIT
//
// The simulated kernel against the one that runs here: the same little scripts on both, and what
// epoll and the calls answer must be the same. What is simulated wrongly would make every other
// test here worthless.
#include <array>
#include <cerrno>
#include <memory>
#include <string>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/un.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "calls.hpp"
#include "net/system_calls.hpp"
#include "pattern.hpp"

namespace headrace::simulation {
namespace {

constexpr int kPatienceMs = 30'000;

std::string name_of(ssize_t answer) {
  return answer >= 0 ? std::to_string(answer) : ::strerrorname_np(static_cast<int>(-answer));
}

std::string names_of(std::uint32_t events) {
  std::string names;
  for (const auto& [event, name] : {std::pair{EPOLLIN, "in "},
                                    {EPOLLPRI, "pri "},
                                    {EPOLLOUT, "out "},
                                    {EPOLLERR, "err "},
                                    {EPOLLHUP, "hup "},
                                    {EPOLLRDHUP, "rdhup "}})
    if ((events & event) != 0) names += name;
  return names.empty() ? "nothing " : names;
}

/// A connection whose near end is on an interest list, and a story of what happens.
class World {
 public:
  virtual ~World() = default;
  virtual void say(std::size_t bytes) = 0;
  virtual void urgent() = 0;
  virtual void finish() = 0;
  virtual void reset() = 0;
  virtual void leave() = 0;
  virtual void take(std::size_t bytes) = 0;
  virtual ssize_t receive(std::size_t most) = 0;
  virtual ssize_t send(std::size_t bytes) = 0;
  virtual int shut() = 0;
  virtual int change(int action, std::uint32_t events) = 0;
  virtual std::uint32_t look() = 0;

  // As a script spells them.
  void receives(std::size_t most) { story += "receive " + name_of(receive(most)) + "; "; }
  void sends(std::size_t bytes) { story += "send " + name_of(send(bytes)) + "; "; }
  void shuts() { story += "shut " + name_of(shut()) + "; "; }
  void asks(int action, std::uint32_t events) {
    story += "ask " + name_of(change(action, events)) + "; ";
  }
  void looks() { story += "told " + names_of(look()) + "; "; }

  std::string story{};
};

class Simulated final : public World, FarEnd {
 public:
  explicit Simulated(bool is_unix) {
    const int listening = sys::socket(is_unix ? AF_UNIX : AF_INET, SOCK_STREAM, 0);
    const sockaddr_in at{};
    (void)sys::bind(listening, reinterpret_cast<const sockaddr*>(&at), sizeof at);
    (void)sys::listen(listening, 10);
    far_ = kernel_.connect(*this, 1, {200'000, 200'000});
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    near_ = sys::accept4(listening, reinterpret_cast<sockaddr*>(&from), &size, 0);
    list_ = sys::epoll_create1(0);
  }
  void has_news() noexcept override {}
  void has_news_at(std::int64_t) noexcept override {}

  void say(std::size_t bytes) override { far_->arrive(bytes); }
  void urgent() override { far_->arrive_urgent(); }
  void finish() override { far_->finish(); }
  void reset() override { far_->reset(); }
  void leave() override { far_->leave(); }
  void take(std::size_t bytes) override { (void)far_->take(bytes); }
  ssize_t receive(std::size_t most) override {
    std::string bytes(most, '\0');
    return sys::recv(near_, bytes.data(), most, 0);
  }
  ssize_t send(std::size_t bytes) override {
    std::string pattern(bytes, '\0');
    far_->to_echo += bytes;
    write_pattern(1, far_->sent, pattern.data(), bytes);
    return sys::send(near_, pattern.data(), bytes, MSG_NOSIGNAL);
  }
  int shut() override { return sys::shutdown(near_, SHUT_WR); }
  int change(int action, std::uint32_t events) override {
    epoll_event event{events, {}};
    return sys::epoll_ctl(list_, action, near_, &event);
  }
  std::uint32_t look() override {
    epoll_event event{};
    return sys::epoll_wait(list_, &event, 1, 0) == 1 ? event.events : 0;
  }

 private:
  Kernel kernel_{1};
  CurrentKernel current_{kernel_};
  Connection* far_ = nullptr;
  int near_ = -1, list_ = -1;
};

/// Each thing that the far end does is waited for: packets may be under way for a while.
class Real final : public World {
 public:
  explicit Real(bool is_unix) {
    if (is_unix) {
      std::array<int, 2> ends{};
      EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
      far_ = ends[0];
      near_ = ends[1];
    } else {
      connect_by_tcp();
    }
    list_ = ::epoll_create1(0);
  }
  Real(const Real&) = delete;
  Real& operator=(const Real&) = delete;
  ~Real() override {
    for (const int descriptor : {far_, near_, list_})
      if (descriptor >= 0) (void)::close(descriptor);
  }

  void say(std::size_t bytes) override {
    const std::string some(bytes, 'x');
    EXPECT_EQ(::send(far_, some.data(), bytes, MSG_NOSIGNAL), static_cast<ssize_t>(bytes));
    arrived_ += static_cast<int>(bytes);
    int there = 0;
    for (int waited = 0; waited < kPatienceMs; ++waited) {
      (void)::ioctl(near_, FIONREAD, &there);
      if (there >= arrived_ - received_ || urgent_) break;
      (void)::poll(nullptr, 0, 1);
    }
    if (urgent_) (void)::poll(nullptr, 0, 20);  // FIONREAD stops at the mark
  }
  void urgent() override {
    urgent_ = true;
    EXPECT_EQ(::send(far_, "!", 1, MSG_OOB | MSG_NOSIGNAL), 1);
    await(POLLPRI);
  }
  void finish() override {
    (void)::shutdown(far_, SHUT_WR);
    await(POLLRDHUP);
  }
  void reset() override {
    const linger at_once{1, 0};
    (void)::setsockopt(far_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    (void)::close(std::exchange(far_, -1));
    await(POLLHUP);
  }
  void leave() override {
    (void)::close(std::exchange(far_, -1));
    await(POLLRDHUP);
  }
  void take(std::size_t bytes) override {
    std::string some(bytes, '\0');
    for (std::size_t got = 0; got < bytes;) {
      const ssize_t more = ::recv(far_, some.data(), bytes - got, 0);
      if (more <= 0) return;
      got += static_cast<std::size_t>(more);
    }
  }
  ssize_t receive(std::size_t most) override {
    std::string some(most, '\0');
    const ssize_t got = ::recv(near_, some.data(), most, MSG_DONTWAIT);
    if (got > 0) received_ += static_cast<int>(got);
    return got < 0 ? -errno : got;
  }
  ssize_t send(std::size_t bytes) override {
    const std::string some(bytes, 'x');
    const ssize_t gone = ::send(near_, some.data(), bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
    return gone < 0 ? -errno : gone;
  }
  int shut() override { return ::shutdown(near_, SHUT_WR) < 0 ? -errno : 0; }
  int change(int action, std::uint32_t events) override {
    epoll_event event{events, {}};
    return ::epoll_ctl(list_, action, near_, &event) < 0 ? -errno : 0;
  }
  std::uint32_t look() override {
    epoll_event event{};
    return ::epoll_wait(list_, &event, 1, 0) == 1 ? event.events : 0;
  }

 private:
  void connect_by_tcp() {
    const int listening = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    auto* const address = reinterpret_cast<sockaddr*>(&at);
    EXPECT_EQ(::bind(listening, address, size), 0);
    EXPECT_EQ(::listen(listening, 1), 0);
    (void)::getsockname(listening, address, &size);
    far_ = ::socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_EQ(::connect(far_, address, size), 0);
    near_ = ::accept(listening, nullptr, nullptr);
    (void)::close(listening);
  }
  void await(short event) const {
    pollfd entry{near_, event, 0};
    EXPECT_EQ(::poll(&entry, 1, kPatienceMs), 1);
  }

  int far_ = -1, near_ = -1, list_ = -1;
  int arrived_ = 0, received_ = 0;
  bool urgent_ = false;
};

constexpr std::uint32_t kEdge = EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLET;
constexpr std::uint32_t kLevel = EPOLLIN | EPOLLPRI | EPOLLRDHUP;

struct Script {
  const char* what;
  bool for_unix;
  void (*act)(World& world, std::uint32_t how);
};

constexpr std::array kScripts{
    Script{"bytes in two pieces", true,
           [](World& world, std::uint32_t how) {
             world.say(5);
             world.say(5);
             world.asks(EPOLL_CTL_ADD, how);
             world.looks();
             world.looks();
             world.receives(4);
             world.looks();
             world.receives(100);
             world.receives(100);
             world.looks();
             world.say(1);
             world.looks();
           }},
    Script{"bytes and FIN", true,
           [](World& world, std::uint32_t how) {
             world.asks(EPOLL_CTL_ADD, how);
             world.say(5);
             world.finish();
             world.looks();
             world.receives(100);
             world.looks();
             world.receives(100);
             world.sends(5);
             world.looks();
           }},
    Script{"an urgent byte between others", false,
           [](World& world, std::uint32_t how) {
             world.asks(EPOLL_CTL_ADD, how);
             world.say(3);
             world.urgent();
             world.say(4);
             world.looks();
             world.receives(100);
             world.looks();
             world.receives(100);
             world.receives(100);
             world.looks();
           }},
    Script{"an urgent byte alone", false,
           [](World& world, std::uint32_t how) {
             world.asks(EPOLL_CTL_ADD, how);
             world.urgent();
             world.looks();
             world.receives(100);
             world.looks();
           }},
    Script{"an urgent byte, and FIN behind it", false,
           [](World& world, std::uint32_t how) {
             world.asks(EPOLL_CTL_ADD, how);
             world.say(2);
             world.urgent();
             world.finish();
             world.looks();
             world.receives(100);
             world.receives(100);
             world.looks();
           }},
    Script{"RST behind bytes", false,
           [](World& world, std::uint32_t how) {
             world.asks(EPOLL_CTL_ADD, how);
             world.say(5);
             world.reset();
             world.looks();
             world.receives(100);
             world.receives(100);
             world.receives(100);
             world.looks();
             world.sends(5);
           }},
    Script{"RST, and a send first", false,
           [](World& world, std::uint32_t how) {
             world.reset();
             world.asks(EPOLL_CTL_ADD, how | EPOLLOUT);
             world.looks();
             world.sends(5);
             world.sends(5);
             world.receives(100);
             world.shuts();
           }},
    Script{"FIN, then RST", false,
           [](World& world, std::uint32_t how) {
             world.asks(EPOLL_CTL_ADD, how);
             world.finish();
             world.looks();
             world.reset();
             world.looks();
             world.receives(100);
             world.sends(5);
             world.sends(5);
           }},
    Script{"FIN from both", true,
           [](World& world, std::uint32_t how) {
             world.asks(EPOLL_CTL_ADD, how);
             world.finish();
             world.shuts();
             world.looks();
             world.sends(1);
             world.receives(1);
             world.looks();
           }},
    Script{"a peer that leaves", true,
           [](World& world, std::uint32_t how) {
             world.asks(EPOLL_CTL_ADD, how);
             world.say(3);
             world.leave();
             world.looks();
             world.receives(100);
             world.receives(100);
             world.looks();
           }},
    Script{"a peer that leaves bytes unread", true,
           [](World& world, std::uint32_t how) {
             world.asks(EPOLL_CTL_ADD, how);
             world.sends(10);
             world.leave();
             world.looks();
             world.receives(100);
             world.receives(100);
             world.sends(5);
           }},
    Script{"what is asked for changes", true,
           [](World& world, std::uint32_t how) {
             world.say(1);
             world.asks(EPOLL_CTL_MOD, how);
             world.asks(EPOLL_CTL_ADD, how);
             world.asks(EPOLL_CTL_ADD, how);
             world.looks();
             world.asks(EPOLL_CTL_MOD, how | EPOLLOUT);
             world.looks();
             world.looks();
             world.asks(EPOLL_CTL_MOD, how & EPOLLET);
             world.looks();
             world.asks(EPOLL_CTL_DEL, 0);
             world.say(1);
             world.looks();
             world.asks(EPOLL_CTL_DEL, 0);
           }},
};

std::string played(World&& world, const Script& script, std::uint32_t how) {
  script.act(world, how);
  return world.story;
}

TEST(SimulatedKernel, AnswersAsLinuxDoes) {
  for (const Script& script : kScripts)
    for (const std::uint32_t how : {kEdge, kLevel})
      for (const bool is_unix : {false, true})
        if (script.for_unix || !is_unix) {
          EXPECT_EQ(played(Simulated{is_unix}, script, how), played(Real{is_unix}, script, how))
              << script.what << (how == kEdge ? ", edge" : ", level") << (is_unix ? ", Unix" : "");
        }
}

}  // namespace
}  // namespace headrace::simulation
