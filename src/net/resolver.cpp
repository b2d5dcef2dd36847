// SPDX-License-Identifier: MIT
//
// getaddrinfo(3) may wait for half a minute for a server that does not answer, cannot be
// interrupted, and has no asynchronous form that can really be cancelled (gai_cancel(3) refuses
// once it has begun). So it runs on a thread that nobody waits for: who gives up leaves the thread
// behind with its question, and it ends when the answer comes.
//
// Limits: 16 threads; with all of them waiting for a dead server others wait too, until their
// deadlines. No cache: that is for nscd(8) or a local server.
#include "net/resolver.hpp"

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>

#include <sys/eventfd.h>

namespace headrace::net {

namespace {

constexpr unsigned kMostThreads = 16;

struct Question {
  Address address;
  bool passive;
  std::shared_ptr<Asker> asker;
};

// Threads come with questions and end when there are none left.
class LookUps {
 public:
  LookUps() noexcept : process_{sys::getpid()} {}

  [[nodiscard]] pid_t process() const noexcept { return process_; }

  Result<> ask(Question question) {
    const std::lock_guard lock{mutex_};
    questions_.push_back(std::move(question));
    if (threads_ == kMostThreads) return {};
    pthread_t thread{};
    const int error = sys::create_thread(&thread, run, this);
    if (error == 0) {
      ++threads_;
      (void)sys::detach_thread(thread);  // it exists, and nobody joins it
      return {};
    }
    if (threads_ > 0) return {};  // one of those will come to it
    questions_.pop_back();
    return std::unexpected(Failure{"pthread_create", -error, Errc::out_of_memory});
  }

 private:
  static void* run(void* argument) noexcept {
    auto& self = *static_cast<LookUps*>(argument);
    while (auto question = self.next()) {
      if (question->asker.use_count() == 1) continue;  // nobody wants to know any more
      question->asker->answered(resolve(question->address, question->passive, Names::resolve));
    }
    return nullptr;
  }

  std::optional<Question> next() {
    const std::lock_guard lock{mutex_};
    if (questions_.empty()) {
      --threads_;
      return std::nullopt;
    }
    std::optional<Question> question{std::move(questions_.front())};
    questions_.pop_front();
    return question;
  }

  const pid_t process_;
  std::mutex mutex_;
  std::deque<Question> questions_;
  unsigned threads_ = 0;
};

// One for the process, since threads of the process are what it bounds; never destroyed, since they
// may outlive everything. A forked child has none of its parent's threads and begins anew.
LookUps& look_ups() {
  static std::atomic<LookUps*> current = nullptr;
  LookUps* here = current.load(std::memory_order_acquire);
  if (here != nullptr && here->process() == sys::getpid()) return *here;
  auto made = std::make_unique<LookUps>();
  if (current.compare_exchange_strong(here, made.get(), std::memory_order_acq_rel))
    return *made.release();
  return *here;  // another thread was faster
}

// Somebody who sleeps in poll(2) until the answer has come.
class Sleeper final : public Asker {
 public:
  explicit Sleeper(Socket bell) noexcept : bell_{std::move(bell)} {}

  void answered(Addresses addresses) noexcept override {
    const std::lock_guard lock{mutex_};
    answer_ = std::move(addresses);
    const std::uint64_t one = 1;
    (void)sys::write(bell_.descriptor(), &one, sizeof one);  // the first: there is room
  }

  Addresses wait(int timeout_ms, int stop) {
    const std::int64_t expires = sys::monotonic_ns() + std::int64_t{timeout_ms} * 1'000'000;
    for (;;) {
      pollfd entries[] = {{bell_.descriptor(), POLLIN, 0}, {stop, POLLIN, 0}};
      const std::int64_t left_ms = (expires - sys::monotonic_ns() + 999'999) / 1'000'000;
      if (left_ms <= 0) return fail(Errc::timed_out, "getaddrinfo");
      const int ready = sys::poll(entries, 2, static_cast<int>(left_ms));
      if (ready < 0 && ready != -EINTR) return fail_errno("poll", -ready);
      if (ready <= 0) continue;
      const std::lock_guard lock{mutex_};
      if (answer_) return std::move(*answer_);
      if (entries[1].revents != 0) return fail(Errc::canceled, "getaddrinfo");
    }
  }

 private:
  Socket bell_;
  std::mutex mutex_;
  std::optional<Addresses> answer_;
};

}  // namespace

Result<> look_up(const Address& address, bool passive, std::shared_ptr<Asker> asker) {
  return look_ups().ask({address, passive, std::move(asker)});
}

Addresses resolve_within(const Address& address, bool passive, int timeout_ms, int stop) {
  auto known = resolve(address, passive, Names::refuse);
  if (known || known.error().code != Errc::would_wait) return known;
  const int bell = sys::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (bell < 0) return fail_errno("eventfd", -bell);
  const auto sleeper = std::make_shared<Sleeper>(Socket{bell});
  if (const auto asked = look_up(address, passive, sleeper); !asked)
    return std::unexpected(asked.error());
  return sleeper->wait(timeout_ms, stop);
}

}  // namespace headrace::net
