// SPDX-License-Identifier: MIT
//
// The simulated kernel: descriptors, a clock that only moves when somebody calls or waits, an
// agenda of what happens by itself, faults by chance, and the judgement of what the engine does.
// One thread, one seed. The calls themselves are in calls.cpp.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <queue>
#include <string>
#include <utility>
#include <vector>

#include "connection.hpp"
#include "file.hpp"
#include "random.hpp"
#include "trace.hpp"

namespace headrace::simulation {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

/// Whoever does something at a time of its own: a peer, the operator.
class Actor {
 public:
  virtual ~Actor() = default;
  virtual void act() = 0;

  std::int64_t due = kNever;  // set by the kernel
};

/// How often what goes wrong: one call in so many; 0 for never.
struct Faults {
  std::uint64_t interrupted = 0;    // EINTR
  std::uint64_t nothing = 0;        // EAGAIN after readiness; told again
  std::uint64_t short_receive = 0;  // the rest comes at once
  std::uint64_t short_send = 0;
  std::uint64_t pressure = 0;   // EAGAIN from send for a while, with room
  std::uint64_t lost = 0;       // accept: ECONNABORTED and its kin
  std::uint64_t shortage = 0;   // accept: EMFILE, ENFILE, ENOBUFS, ENOMEM; mmap
  std::uint64_t broken = 0;     // receive, send: ENOBUFS, ENOMEM; that connection may end
  std::uint64_t unwatched = 0;  // epoll_ctl: ENOSPC
  std::uint64_t ended = 0;      // io_uring: a request for many ends early
  bool one_receive = false;     // io_uring: receives for many are refused (EINVAL)
  bool one_accept = false;      // likewise
};

class Kernel {
 public:
  explicit Kernel(std::uint64_t which) : seed{which}, random{which} {}
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;

  const std::uint64_t seed;
  Random random;
  Trace trace{};
  Faults faults{};
  bool is_calm = true;  // no faults: while the server starts, and once something is wrong
  std::int64_t now = 1'000'000'000'000;
  std::size_t descriptor_limit = 1000;
  std::uint64_t calls = 0;
  std::int64_t idle_timeout = kNever;  // what the server has been given
  bool is_stopping = false;
  bool draining = false;
  Connection* newest = nullptr;  // whom the server has accepted last, or asked the name of
  bool is_starved = false;       // io_uring: there is no buffer to receive into
  unsigned refused_memory = 0;   // so many times; each may end a connection

  // Descriptors.

  template <class Made, class... Arguments>
  int open(Arguments&&... arguments) {
    const int descriptor = lowest_free();
    if (descriptor < 0) return descriptor;
    files_.push_back(std::make_unique<Made>(*this, std::forward<Arguments>(arguments)...));
    return install(descriptor, *files_.back());
  }
  /// Another descriptor for `file`; -EMFILE when there is none.
  int install(File& file) noexcept;
  /// What `descriptor` stands for; null and a complaint when it is closed.
  File* at(int descriptor) noexcept;
  template <class Kind>
  Kind* as(int descriptor) noexcept {
    return dynamic_cast<Kind*>(at(descriptor));
  }
  int close(int descriptor) noexcept;
  /// One reference less: a descriptor's, or a request's.
  void let_go(File& file) noexcept;
  [[nodiscard]] std::size_t open_descriptors() const noexcept { return open_; }
  /// How many there have been that are closed.
  [[nodiscard]] std::uint64_t closed_descriptors() const noexcept { return closed_; }

  // Peers.

  /// A new connection at `listener`, from `peer`; null when nobody listens or its queue is full.
  Connection* connect(FarEnd& peer, std::uint32_t number, Capacities room);
  /// Those that listen now.
  [[nodiscard]] const std::vector<ListeningSocket*>& listeners() const noexcept {
    return listeners_;
  }
  void listens(ListeningSocket& listener) { listeners_.push_back(&listener); }
  [[nodiscard]] std::vector<Connection*>& accepted() noexcept { return accepted_; }

  // Time.

  /// `actor` acts at `time`, or earlier if that was planned.
  void call_at(Actor& actor, std::int64_t time);
  /// A system call begins: some time passes, and others may do something.
  void enter();
  /// What it answers.
  template <class Answer>
  Answer told(const char* call, std::int64_t whom, std::int64_t argument, Answer answer) noexcept {
    trace.note(now, call, whom, argument, static_cast<std::int64_t>(answer));
    return answer;
  }
  /// Time passes, whatever there is to do.
  void rest(int timeout_ms);
  /// Waits until `look` finds something or `timeout_ms` has passed (-1: for ever). What it found.
  template <class Look>
  int wait(int timeout_ms, Look look) {
    const std::int64_t until = timeout_ms < 0 ? kNever : now + timeout_ms * 1'000'000LL;
    for (;;) {
      run_due();
      const int found = look();
      if (found != 0) return found;
      if (timeout_ms == 0 || now >= until) return 0;
      judge_sleep();
      sleep_until(until);
    }
  }

  // Judgement.

  [[nodiscard]] bool strikes(std::uint64_t one_in) noexcept {
    return !is_calm && random.one_in(one_in);
  }
  /// Something is wrong; the first one counts. From now on the run is hurried to its end.
  void complain(std::string what) noexcept;
  [[nodiscard]] const std::string& wrong() const noexcept { return wrong_; }
  /// Whoever stops the server, when something is wrong or nothing more will happen.
  void has_operator(Actor& actor) noexcept { operator_ = &actor; }
  /// A call has taken something on: the server does not turn in vain.
  void has_progressed() noexcept { vain_waits_ = 0; }
  void waits_again() noexcept;

  std::map<void*, std::size_t> mapped{};

 private:
  [[nodiscard]] int lowest_free() const noexcept;
  int install(int descriptor, File& file) noexcept;
  void end(const InterestList& list) noexcept;
  void run_due();
  void sleep_until(std::int64_t until);
  void judge_sleep() noexcept;
  /// The server does not end, although something is wrong: nor would the test, if this returned.
  [[noreturn]] void give_up() const;

  struct Due {
    std::int64_t at;
    std::uint64_t order;
    Actor* who;
    bool operator>(const Due& other) const noexcept {
      return at != other.at ? at > other.at : order > other.order;
    }
  };

  std::vector<File*> table_;  // by descriptor
  std::size_t open_ = 0;
  std::uint64_t closed_ = 0;
  std::vector<std::unique_ptr<File>> files_;  // every one there ever was, until the run is over
  std::vector<ListeningSocket*> listeners_;
  std::vector<Connection*> accepted_;  // and not yet closed
  std::priority_queue<Due, std::vector<Due>, std::greater<>> agenda_;
  std::uint64_t planned_ = 0;
  std::string wrong_;
  Actor* operator_ = nullptr;
  unsigned vain_waits_ = 0;
};

/// The kernel behind headrace::sys while it lives.
class CurrentKernel {
 public:
  explicit CurrentKernel(Kernel& kernel) noexcept;
  CurrentKernel(const CurrentKernel&) = delete;
  CurrentKernel& operator=(const CurrentKernel&) = delete;
  ~CurrentKernel();
};

}  // namespace headrace::simulation
