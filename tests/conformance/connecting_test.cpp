// SPDX-License-Identifier: MIT
//
// connect() by name: servers that do not answer, hosts of which a part is dead, and giving up; on
// each engine.
#include <chrono>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "behaviour.hpp"
#include "client.hpp"
#include "headrace/connect.hpp"
#include "headrace/engine.hpp"
#include "headrace/task_scope.hpp"
#include "names.hpp"
#include "net/socket.hpp"
#include "server.hpp"

namespace headrace::conformance {
namespace {

using namespace std::chrono_literals;

Models every_engine() { return one_for_each_engine("the launcher has no part in it"); }

std::unique_ptr<Engine> engine_of(const ModelInfo& model) {
  auto engine = Engine::create(model.engine);
  if (!engine) throw std::runtime_error{"no engine"};
  return std::move(*engine);
}

net::SocketAddress numeric(const std::string& host, std::uint16_t port) {
  return net::resolve(Address::ip(Transport::tcp, host, port), false, net::Names::refuse)
      .value()
      .front();
}

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all{"/proc/self/fd"};
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

/// Listens, and never accepts. `deaf`: with its queue full, so that a handshake is never answered.
class Ear {
 public:
  enum class Kind : std::uint8_t { hears, deaf };

  Ear(const std::string& host, std::uint16_t port, Kind kind) {
    const int backlog = kind == Kind::deaf ? 0 : 64;
    auto socket =
        net::listen_at(numeric(host, port), {backlog}, net::Sharing::first, net::Blocking::no);
    if (!socket) throw std::runtime_error{host + ": " + socket.error().reason()};
    listening_ = std::move(*socket);
    if (kind == Kind::deaf) fill_queue();
  }

  [[nodiscard]] std::uint16_t port() const {
    const auto at = net::local_address(listening_.descriptor()).value();
    return net::to_address(at, Transport::tcp).port();
  }

 private:
  void fill_queue() {
    const auto at = net::local_address(listening_.descriptor()).value();
    for (int client = 0; client < 8; ++client) {
      auto socket = net::make_stream_socket(at.family(), net::Blocking::no).value();
      (void)sys::connect(socket.descriptor(), at.get(), at.length);
      fillers_.push_back(std::move(socket));
    }
  }

  net::Socket listening_;
  std::vector<net::Socket> fillers_;
};

/// Several ears at one port; the first chooses it.
std::vector<Ear> ears(const std::vector<std::pair<std::string, Ear::Kind>>& wanted) {
  for (int attempt = 0; attempt < 20; ++attempt) {
    try {
      std::vector<Ear> result;
      for (const auto& [host, kind] : wanted)
        result.emplace_back(host, result.empty() ? std::uint16_t{0} : result.front().port(), kind);
      return result;
    } catch (const std::runtime_error&) {  // somebody else has that port at another address
    }
  }
  throw std::runtime_error{"no port that is free at every address"};
}

struct Outcome {
  Failure failure{};
  std::string peer = "";
};

Task<> connect_and_tell(Engine& engine, Address to, Deadline deadline, Outcome& outcome) {
  const auto stream = co_await connect(engine, to, deadline);
  if (stream)
    outcome.peer = AddressText{stream->peer().with_port(1)}.view();
  else
    outcome.failure = stream.error();
}

Outcome outcome_of(const ModelInfo& model, const std::string& host, std::uint16_t port,
                   Deadline deadline = Deadline::after(patience())) {
  const auto engine = engine_of(model);
  Outcome outcome;
  engine->run(
      connect_and_tell(*engine, Address::ip(Transport::tcp, host, port), deadline, outcome));
  return outcome;
}

CONFORMANCE("a name is resolved, and its addresses tried until one answers", every_engine()) {
  const auto heard = ears({{"127.0.0.1", Ear::Kind::hears}});
  set_addresses("second-answers.test", {"127.0.0.2", "::1", "127.0.0.1"});
  EXPECT_EQ(outcome_of(model, "second-answers.test", heard[0].port()).peer, "tcp://127.0.0.1:1");
}

CONFORMANCE("a name that does not exist is said to be unknown", every_engine()) {
  set_addresses("nobody.test", {});
  const Outcome outcome = outcome_of(model, "nobody.test", 1);
  EXPECT_EQ(outcome.failure.code, Errc::name_not_found);
  EXPECT_STREQ(outcome.failure.call, "getaddrinfo");
}

CONFORMANCE("a connect ends at its deadline though the name server is silent", every_engine()) {
  const SilentServer silence;
  const Outcome outcome = outcome_of(model, "never.test", 1, Deadline::after(30ms));
  EXPECT_EQ(outcome.failure.code, Errc::timed_out);
  EXPECT_STREQ(outcome.failure.call, "getaddrinfo");
}

Task<> cancel_once_asked(Engine& engine, SilentServer& silence, Address to, Outcome& outcome) {
  TaskScope scope{engine};
  EXPECT_TRUE(scope.spawn(connect_and_tell(engine, to, Deadline::never(), outcome)));
  while (!silence.is_asked())  // awaits: a blocking engine's other task needs the turn to begin
    (void)co_await engine.sleep(Deadline::after(1ms));
  scope.cancel();
  co_await scope.join();
}

CONFORMANCE("a connect that waits for a silent name server is cancelled", every_engine()) {
  SilentServer silence;
  const auto engine = engine_of(model);
  Outcome outcome;
  engine->run(
      cancel_once_asked(*engine, silence, Address::ip(Transport::tcp, "never.test", 1), outcome));
  EXPECT_EQ(outcome.failure.code, Errc::canceled);
}

/// A whole connection is made while a look-up waits.
Task<> work_meanwhile(Engine& engine, Address to, Outcome& never, Outcome& meanwhile) {
  TaskScope scope{engine};
  EXPECT_TRUE(scope.spawn(connect_and_tell(engine, Address::ip(Transport::tcp, "never.test", 1),
                                           Deadline::never(), never)));
  co_await connect_and_tell(engine, to, Deadline::after(patience()), meanwhile);
  scope.cancel();
  co_await scope.join();
}

CONFORMANCE("other tasks go on while a name server is silent", every_engine()) {
  const auto heard = ears({{"127.0.0.1", Ear::Kind::hears}});
  const SilentServer silence;
  const auto engine = engine_of(model);
  Outcome never, meanwhile;
  set_addresses("fine.test", {"127.0.0.1"});
  engine->run(work_meanwhile(*engine, Address::ip(Transport::tcp, "fine.test", heard[0].port()),
                             never, meanwhile));
  EXPECT_EQ(meanwhile.peer, "tcp://127.0.0.1:1");
  EXPECT_EQ(never.failure.code, Errc::canceled);
}

CONFORMANCE("a look-up that begins when others are given up is answered", every_engine()) {
  const auto heard = ears({{"127.0.0.1", Ear::Kind::hears}});
  set_addresses("fine.test", {"127.0.0.1"});
  {
    const SilentServer silence;
    for (int more_than_threads = 0; more_than_threads < 20; ++more_than_threads)
      EXPECT_EQ(outcome_of(model, "never.test", 1, Deadline::after(1ms)).failure.code,
                Errc::timed_out);
  }
  EXPECT_EQ(outcome_of(model, "fine.test", heard[0].port()).peer, "tcp://127.0.0.1:1");
}

CONFORMANCE("an address that does not answer does not hold up the next, and is closed",
            every_engine()) {
  const auto heard = ears({{"127.0.0.1", Ear::Kind::hears}, {"127.0.0.2", Ear::Kind::deaf}});
  set_addresses("half-dead.test", {"127.0.0.2", "127.0.0.1"});
  const std::size_t before = open_descriptors();
  EXPECT_EQ(outcome_of(model, "half-dead.test", heard[0].port()).peer, "tcp://127.0.0.1:1");
  EXPECT_EQ(open_descriptors(), before);
}

CONFORMANCE("the families of a name are tried by turns", every_engine()) {
  const auto heard = ears(
      {{"127.0.0.2", Ear::Kind::deaf}, {"127.0.0.1", Ear::Kind::hears}, {"::1", Ear::Kind::hears}});
  set_addresses("mixed.test", {"127.0.0.2", "127.0.0.1", "::1"});
  EXPECT_EQ(outcome_of(model, "mixed.test", heard[0].port()).peer, "tcp://[::1]:1");
}

CONFORMANCE("when every address refuses, so does the connect", every_engine()) {
  std::uint16_t nobody = 0;
  {
    nobody = ears({{"127.0.0.1", Ear::Kind::hears}})[0].port();
  }
  set_addresses("refuses.test", {"127.0.0.1", "::1", "127.0.0.2"});
  EXPECT_EQ(outcome_of(model, "refuses.test", nobody).failure.code, Errc::refused);
}

CONFORMANCE("the deadline holds for all addresses together", every_engine()) {
  const auto heard = ears({{"127.0.0.1", Ear::Kind::deaf}, {"127.0.0.2", Ear::Kind::deaf}});
  set_addresses("deaf.test", {"127.0.0.1", "127.0.0.2"});
  const std::size_t before = open_descriptors();
  const Outcome outcome = outcome_of(model, "deaf.test", heard[0].port(), Deadline::after(300ms));
  EXPECT_EQ(outcome.failure.code, Errc::timed_out);
  EXPECT_STREQ(outcome.failure.call, "connect");
  EXPECT_EQ(open_descriptors(), before);
}

Task<> cancel_soon(Engine& engine, Address to, Outcome& outcome) {
  TaskScope scope{engine};
  EXPECT_TRUE(scope.spawn(connect_and_tell(engine, to, Deadline::never(), outcome)));
  (void)co_await engine.sleep(Deadline::after(20ms));
  scope.cancel();
  co_await scope.join();
}

CONFORMANCE("a race between addresses is cancelled as a whole", every_engine()) {
  const auto heard = ears({{"127.0.0.1", Ear::Kind::deaf}, {"127.0.0.2", Ear::Kind::deaf}});
  set_addresses("deaf.test", {"127.0.0.1", "127.0.0.2"});
  const std::size_t before = open_descriptors();
  {
    const auto engine = engine_of(model);
    Outcome outcome;
    engine->run(
        cancel_soon(*engine, Address::ip(Transport::tcp, "deaf.test", heard[0].port()), outcome));
    EXPECT_EQ(outcome.failure.code, Errc::canceled);
  }
  EXPECT_EQ(open_descriptors(), before);
}

Task<> connect_locally(Engine& engine, Address from, Address to, std::string& local,
                       Failure& failure) {
  const auto stream = co_await connect_from(engine, from, to, Deadline::after(patience()));
  if (stream)
    local = AddressText{stream->local().with_port(1)}.view();
  else
    failure = stream.error();
}

CONFORMANCE("a connection begins at the local address that is asked for", every_engine()) {
  const auto heard = ears({{"127.0.0.1", Ear::Kind::hears}});
  set_addresses("both.test", {"::1", "127.0.0.1"});
  const auto engine = engine_of(model);
  const Address to = Address::ip(Transport::tcp, "both.test", heard[0].port());
  struct Case {
    const char* from;
    const char* local;
    Errc failure;
  };
  for (const Case& tried :
       {Case{"127.0.0.9:0", "tcp://127.0.0.9:1", {}}, Case{"*:0", "tcp://127.0.0.1:1", {}},
        Case{"192.0.2.1:0", "", Errc::address_unavailable},
        Case{"some.test:0", "", Errc::invalid_address},
        Case{"unix:/tmp/x", "", Errc::invalid_address}}) {
    std::string local;
    Failure failure{"", 0, Errc{}};
    engine->run(connect_locally(*engine, *Address::parse(tried.from), to, local, failure));
    EXPECT_EQ(local, tried.local) << tried.from;
    EXPECT_EQ(failure.code, tried.failure) << tried.from;
  }
}

}  // namespace
}  // namespace headrace::conformance
