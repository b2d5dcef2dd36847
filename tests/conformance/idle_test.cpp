// SPDX-License-Identifier: MIT
//
// The idle timeout: whom it closes, whom not, and from when it counts. Where the scheduler holds
// somebody up for long, who is idle is another matter: then the test sees that, and tries again.
#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>

#include <poll.h>

#include <gtest/gtest.h>

#include "behaviour.hpp"
#include "client.hpp"
#include "server.hpp"

namespace headrace::conformance {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// A client that asks again and again. The server hears nothing of it for no longer than from one
/// question to the answer to the next: if that was long, the scheduler has held up one of the two,
/// and what the server did is neither right nor wrong.
class Talk {
 public:
  /// `since`: before the client came.
  Talk(Client& client, std::chrono::nanoseconds longest, Clock::time_point since)
      : client_{client}, longest_{longest}, asked_{since} {}

  /// One more question. False when it came too late; else it must have been answered.
  [[nodiscard]] bool goes_on() {
    const auto before = std::exchange(asked_, Clock::now());
    const bool answered = is_answered();
    if (Clock::now() - before >= longest_) return false;
    EXPECT_TRUE(answered) << "closed, though it was not idle";
    return true;
  }

 private:
  bool is_answered() {
    try {
      return client_.echo("tick") == "tick";
    } catch (const std::runtime_error&) {
      return false;
    }
  }

  Client& client_;
  std::chrono::nanoseconds longest_;
  Clock::time_point asked_;
};

using Attempt = bool (*)(const ModelInfo& model, std::chrono::milliseconds idle);

/// Attempts tell whether nobody was held up; else there is another, with more time.
void try_until_undisturbed(const ModelInfo& model, Attempt attempt,
                           std::chrono::milliseconds idle) {
  while (!attempt(model, idle)) {
    idle *= 2;
    ASSERT_LT(idle, 20s) << "somebody is held up every time";
  }
}

bool closes_the_idle_one_only(const ModelInfo& model, std::chrono::milliseconds idle_for) {
  Server server{model, {.options = {.idle_timeout = Deadline::after(idle_for)}}};
  const auto began = Clock::now();
  Client active{server.address()};
  Client idle{server.address()};
  Talk talk{active, idle_for, began};
  Talk hello{idle, idle_for, began};
  if (!hello.goes_on()) return false;
  do {
    if (!talk.goes_on()) return false;
  } while (idle.hears_nothing_for(20));
  EXPECT_GE(Clock::now() - began, idle_for);
  EXPECT_EQ(idle.receive_until_end(), "");
  if (!talk.goes_on()) return false;
  active.close();
  idle.close();
  const Statistics total = server.stop();
  EXPECT_EQ(total.timed_out, 1U);
  EXPECT_EQ(total.connections, 2U);
  return true;
}

CONFORMANCE("the idle timeout closes the idle client only", several_at_once("two at once")) {
  try_until_undisturbed(model, closes_the_idle_one_only, 500ms);
}

bool counts_from_the_last_byte(const ModelInfo& model, std::chrono::milliseconds idle) {
  Server server{model, {.options = {.idle_timeout = Deadline::after(idle)}}};
  const auto began = Clock::now();
  Client client{server.address()};
  Talk talk{client, idle, began};
  for (int left = 6; left != 0; --left) {  // longer than the timeout in all
    if (!talk.goes_on()) return false;
    (void)client.hears_nothing_for(static_cast<int>(idle / 3ms));
  }
  EXPECT_EQ(client.receive_until_end(), "");
  client.close();
  EXPECT_EQ(server.stop().timed_out, 1U);
  return true;
}

CONFORMANCE("the idle timeout counts from the last byte, and is counted") {
  try_until_undisturbed(model, counts_from_the_last_byte, 300ms);
}

constexpr std::size_t kLong =
    16'000'000;  // more than the kernel takes for a peer that does not read

Task<> send_at_length(Stream peer) {
  const std::string bytes = bytes_of_size(kLong);
  (void)co_await peer.send(bytes_of(bytes));
}

CONFORMANCE("a client that reads nothing is idle") {
  Server server{model,
                {.service = send_at_length, .options = {.idle_timeout = Deadline::after(300ms)}}};
  Client client{server.address(), {.kernel_buffers = 16384}};
  wait_until("it is gone", [&] { return server.report().departures() == 1; });
  client.close();
  EXPECT_EQ(server.stop().timed_out, 1U);
}

bool serves_who_reads_slowly(const ModelInfo& model, std::chrono::milliseconds idle) {
  Server server{model,
                {.service = send_at_length, .options = {.idle_timeout = Deadline::after(idle)}}};
  Clock::time_point read = Clock::now();
  Client client{server.address(), {.kernel_buffers = 16384}};
  std::string all;
  while (all.size() < kLong) {
    try {
      all += client.receive(kLong / 200);
    } catch (const std::runtime_error&) {
      EXPECT_GE(Clock::now() - read, idle / 2) << "closed, though it was not idle";
      return false;
    }
    const auto before = std::exchange(read, Clock::now());
    if (read - before >= idle / 2) return false;
    // 25 times: longer than the timeout.
    if (all.size() < kLong / 8) (void)::poll(nullptr, 0, static_cast<int>(idle / 16ms));
  }
  EXPECT_EQ(client.receive_until_end(), "");
  EXPECT_TRUE(same(all, bytes_of_size(kLong)));
  client.close();
  EXPECT_EQ(server.stop().timed_out, 0U);
  return true;
}

CONFORMANCE("a client that reads slowly is not idle") {
  try_until_undisturbed(model, serves_who_reads_slowly, 800ms);
}

}  // namespace
}  // namespace headrace::conformance
