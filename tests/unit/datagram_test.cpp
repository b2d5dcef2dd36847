// SPDX-License-Identifier: MIT
//
// Datagram sockets on an engine of every kind. Under serve() they are tested in
// tests/conformance/datagrams_test.cpp.
#include "headrace/datagram.hpp"

#include <algorithm>

#include "engines.hpp"

namespace headrace {
namespace {

using namespace testing_support;

class Datagrams : public OnEveryEngine {
 protected:
  Datagram bound(std::string_view text, const DatagramOptions& options = {}) {
    const auto at = Address::parse(text);
    auto made = Datagram::bind(engine, at.value(), options);
    if (!made) throw std::runtime_error{std::string{text} + ": " + made.error().reason()};
    return std::move(*made);
  }
  Datagram on_loopback() { return bound("udp://127.0.0.1:0"); }
  static Endpoint endpoint_of(const Datagram& socket) {
    return Endpoint::of(socket.local()).value();
  }
};
HEADRACE_ON_EVERY_ENGINE(Datagrams);

Task<> exchange(Datagram& from, Datagram& to, std::size_t size) {
  const std::string sent = pattern(size);
  const Endpoint target = Endpoint::of(to.local()).value();
  const auto gone = co_await from.send_to(bytes_of(sent), target, soon());
  EXPECT_TRUE(gone) << size << ": " << gone.error().reason();
  auto received = co_await to.receive(soon());
  EXPECT_TRUE(received) << size;
  if (!received) co_return;
  EXPECT_EQ(received->size(), size);
  EXPECT_TRUE(std::ranges::equal(*received, bytes_of(sent))) << size;
  EXPECT_EQ(received->sender(), Endpoint::of(from.local()).value());
  EXPECT_FALSE(received->is_truncated());
}

TEST_P(Datagrams, of_every_size_come_whole_with_their_sender) {
  for (const std::size_t size : {0UZ, 1UZ, 2UZ, 63UZ, 64UZ, 512UZ, 1400UZ, 1472UZ, 1473UZ, 9000UZ,
                                 16384UZ, 65506UZ, 65507UZ}) {
    Datagram from = on_loopback();
    Datagram to = on_loopback();
    engine.run(exchange(from, to, size));
    EXPECT_EQ(from.counts().sent, 1U);
    EXPECT_EQ(to.counts().received, 1U);
    EXPECT_EQ(to.counts().bytes_received, size);
  }
}

Task<> fail_to_send(Datagram& from, Endpoint to, std::size_t size, Errc expected) {
  const std::string sent = pattern(size);
  const auto gone = co_await from.send_to(bytes_of(sent), to, soon());
  EXPECT_EQ(code_of(gone), expected);
}

TEST_P(Datagrams, too_long_for_udp_fail_and_the_socket_stays_good) {
  Datagram from = on_loopback();
  Datagram to = on_loopback();
  engine.run(fail_to_send(from, endpoint_of(to), 65508, Errc::message_too_long));
  EXPECT_EQ(from.counts().failed, 1U);
  engine.run(exchange(from, to, 5));
}

TEST_P(Datagrams, to_broadcast_need_the_option) {
  const Endpoint everybody =
      Endpoint::of(Address::parse("udp://127.255.255.255:9").value()).value();
  Datagram without = on_loopback();
  engine.run(fail_to_send(without, everybody, 1, Errc::permission_denied));
  Datagram with = bound("udp://127.0.0.1:0", {.broadcast = true});
  const auto send = [](Datagram& from, Endpoint to) -> Task<> {
    EXPECT_TRUE(co_await from.send_to(bytes_of("x"), to, soon()));
  };
  engine.run(send(with, everybody));
}

TEST_P(Datagrams, go_between_unix_sockets_with_a_name) {
  Datagram from = bound("unix-datagram:@headrace-test-" + std::to_string(::getpid()) + "-from");
  Datagram to = bound("unix-datagram:@headrace-test-" + std::to_string(::getpid()) + "-to");
  engine.run(exchange(from, to, 0));
  engine.run(exchange(from, to, 65507));
}

TEST_P(Datagrams, of_an_unnamed_unix_sender_cannot_be_answered) {
  const auto at = Address::local(Transport::unix_datagram, "");
  auto to = Datagram::bind(engine, at);
  ASSERT_TRUE(to);
  const Plain client{::socket(AF_UNIX, SOCK_DGRAM, 0)};
  const Endpoint target = endpoint_of(*to);
  ASSERT_EQ(
      ::sendto(client, "hi", 2, 0, static_cast<const sockaddr*>(target.data()), target.size()), 2);
  const auto receive = [](Datagram& socket) -> Task<> {
    const auto received = co_await socket.receive(soon());
    EXPECT_TRUE(received);
    if (!received) co_return;
    EXPECT_TRUE(received->sender().is_unix());
    EXPECT_FALSE(received->sender().can_be_answered());
  };
  engine.run(receive(*to));
}

TEST_P(Datagrams, longer_than_a_buffer_are_told_as_truncated) {
  auto to = Datagram::bind(engine, Address::local(Transport::unix_datagram, ""));
  auto from = Datagram::bind(engine, Address::local(Transport::unix_datagram, ""),
                             {.send_buffer = 400'000});
  ASSERT_TRUE(to && from);
  const auto run = [](Datagram& sender, Datagram& receiver) -> Task<> {
    const std::string sent = pattern(100'000);
    const Endpoint target = Endpoint::of(receiver.local()).value();
    EXPECT_TRUE(co_await sender.send_to(bytes_of(sent), target, soon()));
    const auto received = co_await receiver.receive(soon());
    EXPECT_TRUE(received);
    if (!received) co_return;
    EXPECT_TRUE(received->is_truncated());
    EXPECT_EQ(text_of(*received), sent.substr(0, received->size()));
  };
  engine.run(run(*from, *to));
  EXPECT_EQ(to->counts().truncated, 1U);
}

TEST_P(Datagrams, of_ipv4_and_ipv6_come_to_a_dual_stack_socket) {
  Datagram to = bound("udp://*:0");
  const auto from_both = [](Datagram& a, Datagram& b, Datagram& both) -> Task<> {
    const std::uint16_t port = both.local().port();
    const Endpoint four = Endpoint::of(Address::ip(Transport::udp, "127.0.0.1", port)).value();
    const Endpoint six = Endpoint::of(Address::ip(Transport::udp, "::1", port)).value();
    EXPECT_TRUE(co_await a.send_to(bytes_of("four"), four, soon()));
    auto first = co_await both.receive(soon());
    EXPECT_EQ(AddressText{first->sender().address()}.view(), AddressText{a.local()}.view());
    EXPECT_TRUE(co_await b.send_to(bytes_of("six"), six, soon()));
    auto second = co_await both.receive(soon());
    EXPECT_EQ(AddressText{second->sender().address()}.view(), AddressText{b.local()}.view());
    // And back, to the mapped address, and to the plain one.
    EXPECT_TRUE(co_await both.send_to(bytes_of("back"), first->sender(), soon()));
    EXPECT_TRUE(co_await both.send_to(bytes_of("back"), Endpoint::of(a.local()).value(), soon()));
    for (int times = 0; times < 2; ++times) {
      const auto back = co_await a.receive(soon());
      EXPECT_TRUE(back);
      EXPECT_EQ(back ? text_of(*back) : "", "back");
    }
  };
  Datagram a = on_loopback();
  auto b = Datagram::bind(engine, Address::parse("udp://[::1]:0").value());
  if (!b) GTEST_SKIP() << "no IPv6 here";
  engine.run(from_both(a, *b, to));
}

TEST_P(Datagrams, time_out_and_the_socket_stays_good) {
  Datagram from = on_loopback();
  Datagram to = on_loopback();
  const auto wait = [](Datagram& socket) -> Task<> {
    const auto begun = Clock::now();
    EXPECT_EQ(code_of(co_await socket.receive(Deadline::after(20ms))), Errc::timed_out);
    EXPECT_GE(Clock::now() - begun, 20ms);
  };
  engine.run(wait(to));
  engine.run(exchange(from, to, 3));
}

TEST_P(Datagrams, that_wait_can_be_cancelled) {
  Datagram to = on_loopback();
  const auto wait = [](Datagram& socket) -> Task<> {
    EXPECT_EQ(code_of(co_await socket.receive()), Errc::canceled);
  };
  const auto cancel = [](Engine& on, Task<> waiting) -> Task<> {
    TaskScope scope{on};
    EXPECT_TRUE(scope.spawn(std::move(waiting)));
    (void)co_await on.sleep(Deadline::after(5ms));
    scope.cancel();
    co_await scope.join();
  };
  engine.run(cancel(engine, wait(to)));
}

TEST_P(Datagrams, to_a_port_where_nobody_is_are_told_to_the_connected_as_refused) {
  // It hears another alone, and nobody else can have its port.
  Datagram other = on_loopback();
  Datagram deaf = on_loopback();
  EXPECT_TRUE(deaf.connect(endpoint_of(other)));
  const Endpoint nobody = endpoint_of(deaf);
  Datagram from = on_loopback();
  const auto run = [](Datagram& socket, Endpoint to) -> Task<> {
    EXPECT_TRUE(socket.connect(to));
    EXPECT_TRUE(co_await socket.send(bytes_of("anybody?"), soon()));
    EXPECT_EQ(code_of(co_await socket.receive(soon())), Errc::refused);
    // Told once; and the socket is still good.
    EXPECT_EQ(code_of(co_await socket.receive(Deadline::after(10ms))), Errc::timed_out);
    EXPECT_TRUE(co_await socket.send(bytes_of("anybody?"), soon()));
    EXPECT_EQ(code_of(co_await socket.send(bytes_of("anybody?"), soon())), Errc::refused);
  };
  engine.run(run(from, nobody));
}

TEST_P(Datagrams, to_a_port_where_nobody_is_do_not_disturb_who_is_not_connected) {
  // It hears another alone, and nobody else can have its port.
  Datagram other = on_loopback();
  Datagram deaf = on_loopback();
  EXPECT_TRUE(deaf.connect(endpoint_of(other)));
  const Endpoint nobody = endpoint_of(deaf);
  Datagram from = on_loopback();
  Datagram to = on_loopback();
  const auto shout = [](Datagram& socket, Endpoint where) -> Task<> {
    EXPECT_TRUE(co_await socket.send_to(bytes_of("anybody?"), where, soon()));
  };
  engine.run(shout(from, nobody));
  engine.run(exchange(from, to, 7));
  engine.run(exchange(to, from, 7));
}

TEST_P(Datagrams, that_the_kernel_dropped_are_counted) {
  Datagram from = on_loopback();
  Datagram to = bound("udp://127.0.0.1:0", {.receive_buffer = 4096});
  EXPECT_GE(to.receive_buffer(), 4096U);
  const auto flood = [](Datagram& sender, Datagram& receiver) -> Task<> {
    const Endpoint target = Endpoint::of(receiver.local()).value();
    const std::string sent = pattern(1000);
    constexpr unsigned kSent = 200;
    for (unsigned number = 0; number < kSent; ++number)
      EXPECT_TRUE(co_await sender.send_to(bytes_of(sent), target, soon()));
    unsigned received = 0;
    for (;;) {
      const auto next = co_await receiver.receive(Deadline::after(10ms));
      if (!next) break;
      ++received;
    }
    EXPECT_LT(received, kSent);
    EXPECT_EQ(receiver.counts().dropped + received, kSent);
    EXPECT_EQ(receiver.counts().received, received);
  };
  engine.run(flood(from, to));
}

TEST_P(Datagrams, to_a_group_reach_its_members_until_they_leave) {
  const Endpoint group = Endpoint::of(Address::parse("udp://239.255.77.88:0").value()).value();
  EXPECT_TRUE(group.is_multicast());
  Datagram to = bound("udp://0.0.0.0:0");
  Datagram from = bound("udp://127.0.0.1:0", {.ttl = 1, .interface = "lo"});
  const auto run = [](Datagram& sender, Datagram& member, Endpoint of_group) -> Task<> {
    const auto where =
        Endpoint::of(Address::ip(Transport::udp, "239.255.77.88", member.local().port())).value();
    EXPECT_TRUE(member.join(of_group, "lo"));
    EXPECT_EQ(code_of(member.join(of_group, "lo")), Errc::address_in_use);
    EXPECT_TRUE(co_await sender.send_to(bytes_of("all"), where, soon()));
    const auto received = co_await member.receive(soon());
    EXPECT_TRUE(received);
    EXPECT_TRUE(member.leave(of_group, "lo"));
    EXPECT_EQ(code_of(member.leave(of_group, "lo")), Errc::address_unavailable);
    EXPECT_TRUE(co_await sender.send_to(bytes_of("all"), where, soon()));
    EXPECT_EQ(code_of(co_await member.receive(Deadline::after(5ms))), Errc::timed_out);
    EXPECT_EQ(code_of(member.join(of_group, "no-such-if")), Errc::invalid_address);
    EXPECT_EQ(code_of(member.join(Endpoint::of(sender.local()).value())), Errc::invalid_address);
  };
  engine.run(run(from, to, group));
}

TEST_P(Datagrams, to_a_group_are_heard_by_its_members_alone) {
  Datagram member = bound("udp://0.0.0.0:0", {.shared = true});
  Datagram stranger = bound(AddressText{member.local()}, {.shared = true});
  Datagram from = bound("udp://127.0.0.1:0", {.ttl = 1, .interface = "lo"});
  const auto run = [](Datagram& sender, Datagram& in, Datagram& out) -> Task<> {
    const auto group =
        Endpoint::of(Address::ip(Transport::udp, "239.255.77.89", in.local().port())).value();
    EXPECT_TRUE(in.join(group, "lo"));
    EXPECT_TRUE(co_await sender.send_to(bytes_of("members"), group, soon()));
    const auto received = co_await in.receive(soon());
    EXPECT_TRUE(received);
    // The kernel gives each its copy before the send returns.
    EXPECT_EQ(code_of(co_await out.receive(Deadline::after(5ms))), Errc::timed_out);
  };
  engine.run(run(from, member, stranger));
}

TEST_P(Datagrams, marked_as_answers_are_known_for_answers) {
  for (const std::string_view at : {"udp://127.0.0.1:0", "udp://[::1]:0", "udp://*:0"}) {
    if (!Datagram::bind(engine, Address::parse(at).value())) continue;  // no IPv6 here
    Datagram marks = bound(at);
    Datagram looks = bound(at);
    Datagram plain = bound(at);
    EXPECT_TRUE(marks.mark_answers() && looks.mark_answers());
    const auto run = [](Datagram& sender, Datagram& receiver, bool expected) -> Task<> {
      const std::uint16_t port = receiver.local().port();
      const bool is_v6 = receiver.local().host() == "::1";
      const Endpoint to =
          Endpoint::of(Address::ip(Transport::udp, is_v6 ? "::1" : "127.0.0.1", port)).value();
      for (int times = 0; times < 2; ++times) {
        EXPECT_TRUE(co_await sender.send_to(bytes_of("x"), to, soon()));
        EXPECT_TRUE(co_await sender.post(bytes_of("y"), to));
      }
      for (int times = 0; times < 4; ++times) {
        const auto received = co_await receiver.receive(soon());
        EXPECT_TRUE(received && received->is_answer() == expected);
      }
    };
    engine.run(run(marks, looks, true));
    engine.run(run(plain, looks, false));
    engine.run(run(marks, plain, false));  // it has not asked to be told
  }
  Datagram local = bound("unix-datagram:@headrace-test-" + std::to_string(::getpid()) + "-mark");
  EXPECT_TRUE(local.mark_answers());
}

TEST_P(Datagrams, posted_and_answered_come_in_order) {
  Datagram server = on_loopback();
  Datagram client = on_loopback();
  constexpr int kMany = 200;
  const auto echo = [](Datagram& socket) -> Task<> {
    for (int number = 0; number < kMany; ++number) {
      auto received = co_await socket.receive(soon());
      EXPECT_TRUE(received);
      if (!received) co_return;
      if (number % 2 == 0) {
        EXPECT_TRUE(co_await socket.post({received->data(), received->size()}, received->sender()));
      } else {
        EXPECT_TRUE(co_await socket.answer(std::move(*received)));
      }
    }
  };
  const auto ask = [](Datagram& socket, Endpoint to) -> Task<> {
    for (int number = 0; number < kMany; number += 20) {
      for (int of_these = 0; of_these < 20; ++of_these) {
        const std::string text = std::to_string(number + of_these);
        EXPECT_TRUE(co_await socket.send_to(bytes_of(text), to, soon()));
      }
      for (int of_these = 0; of_these < 20; ++of_these) {
        const auto back = co_await socket.receive(soon());
        EXPECT_TRUE(back) << number << '+' << of_these;
        if (!back) co_return;
        EXPECT_EQ(text_of(*back), std::to_string(number + of_these));
      }
    }
  };
  const auto both = [](Engine& on, Task<> first, Task<> second) -> Task<> {
    TaskScope scope{on};
    EXPECT_TRUE(scope.spawn(std::move(first)));
    co_await second;
    co_await scope.join();
  };
  engine.run(both(engine, echo(server), ask(client, endpoint_of(server))));
  EXPECT_EQ(server.counts().sent, unsigned{kMany});
}

TEST_P(Datagrams, posted_where_they_cannot_go_are_counted_and_that_is_all) {
  Datagram from = on_loopback();
  Datagram to = on_loopback();
  const auto post = [](Datagram& socket, Endpoint where) -> Task<> {
    EXPECT_TRUE(co_await socket.post(bytes_of("x"), where));
  };
  Endpoint everybody = Endpoint::of(Address::parse("udp://127.255.255.255:9").value()).value();
  engine.run(post(from, everybody));
  engine.run(exchange(from, to, 9));
  EXPECT_EQ(from.counts().failed, 1U);
  EXPECT_EQ(from.counts().sent, 1U);
}

TEST_P(Datagrams, are_not_bound_where_somebody_is) {
  Datagram first = on_loopback();
  const auto second = Datagram::bind(engine, first.local());
  EXPECT_EQ(code_of(second), Errc::address_in_use);
  Datagram shared = bound("udp://0.0.0.0:0", {.shared = true});
  const auto beside = Datagram::bind(engine, shared.local(), {.shared = true});
  EXPECT_TRUE(beside);
}

TEST_P(Datagrams, know_their_own_address) {
  Datagram one = on_loopback();
  Datagram wide = bound("udp://*:0");
  const std::uint16_t port = wide.local().port();
  EXPECT_TRUE(one.is_own(endpoint_of(one)));
  EXPECT_FALSE(one.is_own(endpoint_of(wide)));
  EXPECT_TRUE(wide.is_own(Endpoint::of(Address::ip(Transport::udp, "127.0.0.1", port)).value()));
  EXPECT_FALSE(wide.is_own(Endpoint::of(Address::ip(Transport::udp, "192.0.2.1", port)).value()));
}

TEST(Endpoints, are_numeric_and_tell_who_can_be_answered) {
  const auto of = [](std::string_view text) { return Endpoint::of(Address::parse(text).value()); };
  EXPECT_EQ(code_of(of("udp://headrace.invalid:1")), Errc::would_wait);
  EXPECT_EQ(code_of(of("tcp://127.0.0.1:1")), Errc::invalid_address);
  EXPECT_EQ(AddressText{of("udp://broadcast:21567")->address()}.view(),
            "udp://255.255.255.255:21567");
  EXPECT_EQ(AddressText{of("udp://[fe80::1%lo]:7")->address()}.view(), "udp://[fe80::1%lo]:7");
  EXPECT_TRUE(of("udp://127.0.0.1:1024")->can_be_answered());
  EXPECT_TRUE(of("udp://[::1]:1024")->can_be_answered());
  EXPECT_FALSE(of("udp://127.0.0.1:0")->can_be_answered());
  EXPECT_FALSE(of("udp://255.255.255.255:1024")->can_be_answered());
  EXPECT_FALSE(of("udp://0.0.0.0:1024")->can_be_answered());
  EXPECT_FALSE(of("udp://[::]:1024")->can_be_answered());
  EXPECT_FALSE(of("udp://224.0.0.1:1024")->can_be_answered());
  EXPECT_FALSE(of("udp://[ff02::1]:1024")->can_be_answered());
  EXPECT_FALSE(Endpoint{}.can_be_answered());
  EXPECT_EQ(*of("udp://127.0.0.1:5"), *of("udp://[::ffff:127.0.0.1]:5"));
  EXPECT_FALSE(*of("udp://127.0.0.1:5") == *of("udp://127.0.0.1:6"));
}

}  // namespace
}  // namespace headrace
