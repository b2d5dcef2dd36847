// SPDX-License-Identifier: MIT
//
// connect() by name while calls fail: it ends, says why, and leaves nothing behind.
#include <filesystem>
#include <string>

#include "faulty_calls.hpp"
#include "unit/engines.hpp"

namespace headrace::faults {
namespace {

using namespace testing_support;

class ConnectFaults : public OnEveryEngine {
 protected:
  ~ConnectFaults() override { begin({}); }
};

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all{"/proc/self/fd"};
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

struct Ended {
  bool connected = false;
  Failure failure{};
};

Task<> connect_once(Engine& engine, Address to, Ended& ended) {
  const auto stream = co_await connect(engine, to, soon());
  ended.connected = stream.has_value();
  if (!stream) ended.failure = stream.error();
}

TEST_P(ConnectFaults, WithoutAThreadANameIsNotResolvedAndThatIsSaid) {
  begin({Call::create_thread, 1, EAGAIN, 0});
  Ended ended;
  engine.run(connect_once(engine, Address::ip(Transport::tcp, "nobody.invalid", 1), ended));
  EXPECT_EQ(ended.failure.code, Errc::out_of_memory);
  EXPECT_STREQ(ended.failure.call, "pthread_create");
}

// "localhost" is two addresses, of which the second refuses: so the race is in it too.
TEST_P(ConnectFaults, EachCallMayFailAndNothingIsLeftBehind) {
  const PlainListener listener;
  const Address to = Address::ip(Transport::tcp, "localhost", listener.address().port());
  for (const Call call :
       {Call::socket, Call::setsockopt, Call::bind, Call::connect, Call::epoll_ctl, Call::poll,
        Call::create_thread, Call::set_nonblocking, Call::close}) {
    for (const int error : plausible_errors(call)) {
      for (std::uint32_t nth = 1; nth <= 4; ++nth) {
        SCOPED_TRACE(std::string{name_of(call)} + " " + std::to_string(nth) + ": " +
                     std::to_string(error));
        const std::size_t before = open_descriptors();
        begin({call, nth, error, 0});
        Ended ended;
        engine.run(connect_once(engine, to, ended));
        begin({});
        EXPECT_TRUE(ended.connected || ended.failure.code != Errc::timed_out);
        EXPECT_EQ(open_descriptors(), before);
      }
    }
  }
  Ended ended;
  engine.run(connect_once(engine, to, ended));
  EXPECT_TRUE(ended.connected) << "the engine is as good as before";
}

HEADRACE_ON_EVERY_ENGINE(ConnectFaults);

}  // namespace
}  // namespace headrace::faults
