// SPDX-License-Identifier: MIT
//
// Operations describe themselves well enough for a kernel that carries them out. Every situation is
// played twice, on two connections alike: once the operation attempts itself, once a toy kernel
// carries out its description with a plain system call and hands the answer back. Both must end the
// same.
#include "headrace/operation.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <string>
#include <type_traits>
#include <vector>

#include <fcntl.h>
#include <poll.h>

#include "engines.hpp"
#include "engines/engine_core.hpp"
#include "headrace/connect.hpp"
#include "headrace/listener.hpp"

namespace headrace::detail {
namespace {

using namespace testing_support;

static_assert(sizeof(Operation) == 64);
static_assert(sizeof(Lease) == 16 && sizeof(Deadline) == 8 && sizeof(TimerNode) == 24);
static_assert(!std::is_copy_constructible_v<Operation> && !std::is_polymorphic_v<Operation>);
static_assert(std::is_trivially_destructible_v<Operation>);

std::int64_t checked(std::int64_t answer) { return answer < 0 ? -errno : answer; }

/// What a completion engine does, one operation at a time and without waiting.
std::int64_t carry_out(const Submission& request, Operation& operation, SocketRecord& socket) {
  switch (request.call) {
    case Submission::Call::recv:
      operation.lease.block = socket.engine->buffers.take();
      return checked(::recv(request.descriptor, BufferPool::bytes_in(operation.lease.block),
                            request.length, request.flags | MSG_DONTWAIT));
    case Submission::Call::send:
      return checked(::send(request.descriptor, request.address, request.length,
                            request.flags | MSG_DONTWAIT));
    case Submission::Call::accept:
      return checked(::accept4(request.descriptor, nullptr, nullptr, request.flags));
    case Submission::Call::connect:
      return checked(::connect(request.descriptor, static_cast<const sockaddr*>(request.address),
                               static_cast<socklen_t>(request.length)));
    case Submission::Call::poll: {
      pollfd entry{request.descriptor, static_cast<short>(request.flags), 0};
      const int ready = ::poll(&entry, 1, 0);
      return ready == 0 ? -EAGAIN : checked(ready < 0 ? ready : entry.revents);
    }
    case Submission::Call::recvmsg:
    case Submission::Call::sendmsg:  // datagram_test.cpp: the blocking engine carries them out
    case Submission::Call::none:
      break;
  }
  return -ENOSYS;
}

Verdict interpret(Operation& operation, SocketRecord& socket) {
  Submission request;
  operation.type->describe(operation, socket, request);
  return operation.type->absorb(operation, socket, carry_out(request, operation, socket));
}

using Step = std::function<Verdict(Operation&, SocketRecord&)>;
const std::array<Step, 2> kBoth{Step{[](Operation& operation, SocketRecord& socket) {
                                  return operation.type->attempt(operation, socket);
                                }},
                                Step{interpret}};

/// How it went, as text that can be compared.
std::string tell(Verdict verdict, Operation& operation, bool has_bytes = false) {
  if (verdict == Verdict::would_wait) return "would wait";
  if (verdict == Verdict::progressed) return "progressed";
  if (operation.outcome != Outcome::done)
    return std::string{"failed: "} + to_text(operation.failure.code) + " (" +
           operation.failure.call + ")";
  if (!has_bytes) return "done";
  const Buffer buffer{operation.lease};
  return "received " + std::string{text_of(buffer)};
}

class OperationTest : public testing::Test {
 protected:
  void SetUp() override { engine_ = testing_support::make_engine(EngineKind::epoll_edge); }

  struct Pair {
    SocketRecord* socket;
    Plain peer;
  };

  Pair connected(Transport transport = Transport::tcp) {
    const PlainListener listener{transport};
    const auto to = net::resolve(listener.address(), false, net::Names::refuse);
    auto made = net::make_stream_socket(to->front().family(), net::Blocking::yes);
    EXPECT_EQ(::connect(made->descriptor(), to->front().get(), to->front().length), 0);
    Plain peer = listener.accept();
    return {adopt(made->release(), transport), std::move(peer)};
  }

  SocketRecord* adopt(int descriptor, Transport transport = Transport::tcp) {
    EXPECT_EQ(::fcntl(descriptor, F_SETFL, ::fcntl(descriptor, F_GETFL) | O_NONBLOCK), 0);
    const auto record = core().adopt(net::Socket{descriptor}, transport);
    EXPECT_TRUE(record);
    return *record;
  }

  std::string receive(SocketRecord* socket, const Step& step) {
    Operation operation{receive_operation, socket, Deadline::never()};
    const Verdict verdict = step(operation, *socket);
    return tell(verdict, operation, true);
  }

  EngineCore& core() { return static_cast<EngineCore&>(*engine_); }
  void close(SocketRecord* socket) { core().close(*socket); }

  Patience patience{};

 private:
  std::unique_ptr<Engine> engine_;
};

TEST_F(OperationTest, ReceiveTakesWhatIsThere) {
  for (const Step& step : kBoth) {
    Pair pair = connected();
    EXPECT_EQ(receive(pair.socket, step), "would wait");
    EXPECT_EQ(::send(pair.peer, "hello", 5, 0), 5);
    EXPECT_EQ(receive(pair.socket, step), "received hello");
    EXPECT_EQ(receive(pair.socket, step), "would wait");
    EXPECT_EQ(pair.socket->info->messages, 1U);
    EXPECT_EQ(pair.socket->info->received, 5U);
    ::shutdown(pair.peer, SHUT_WR);
    EXPECT_EQ(receive(pair.socket, step), "failed: end of stream (recv)");
    close(pair.socket);
    SetUp();
  }
}

TEST_F(OperationTest, ReceiveTellsOfAReset) {
  for (const Step& step : kBoth) {
    Pair pair = connected();
    const ::linger at_once{1, 0};
    ::setsockopt(pair.peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    pair.peer.close();
    EXPECT_EQ(receive(pair.socket, step), "failed: connection reset by the peer (recv)");
    EXPECT_EQ(pair.socket->last, Errc::reset);
    close(pair.socket);
  }
}

TEST_F(OperationTest, SendGoesOnWhereItStopped) {
  const std::string much = pattern(16 << 20);
  for (const Step& step : kBoth) {
    Pair pair = connected();
    Operation operation{send_operation, pair.socket, Deadline::never()};
    operation.sending = bytes_of(much);
    std::vector<std::string> story;
    std::string got;
    std::string part(1 << 20, '\0');
    Verdict verdict = Verdict::progressed;
    while (verdict != Verdict::finished) {
      verdict = step(operation, *pair.socket);
      story.push_back(tell(verdict, operation));
      if (verdict != Verdict::would_wait) continue;
      EXPECT_GT(operation.sending.size(), 0U);
      const ssize_t count = ::recv(pair.peer, part.data(), part.size(), 0);
      got.append(part, 0, static_cast<std::size_t>(count));
    }
    EXPECT_EQ(story.back(), "done");
    EXPECT_NE(std::ranges::count(story, "would wait"), 0);
    EXPECT_NE(std::ranges::count(story, "progressed"), 0);
    while (got.size() < much.size()) {
      const ssize_t count = ::recv(pair.peer, part.data(), part.size(), 0);
      ASSERT_GT(count, 0);
      got.append(part, 0, static_cast<std::size_t>(count));
    }
    EXPECT_TRUE(got == much);
    close(pair.socket);
  }
}

TEST_F(OperationTest, SendToAPeerThatIsGoneIsABrokenPipe) {
  for (const Step& step : kBoth) {
    Pair pair = connected(Transport::unix_stream);
    pair.peer.close();
    Operation operation{send_operation, pair.socket, Deadline::never()};
    operation.sending = bytes_of("x");
    EXPECT_EQ(tell(step(operation, *pair.socket), operation),
              "failed: connection already closed (send)");
    close(pair.socket);
  }
}

TEST_F(OperationTest, AcceptTakesTheNextConnection) {
  for (const Step& step : kBoth) {
    auto listener = net::listen_at(
        net::resolve(*Address::parse("tcp://127.0.0.1:0"), true, net::Names::refuse)->front(),
        Backlog{}, net::Sharing::first, net::Blocking::no);
    ASSERT_TRUE(listener);
    const auto at = net::local_address(listener->descriptor());
    SocketRecord* const socket = adopt(listener->release());
    Operation waits{accept_operation, socket, Deadline::never()};
    EXPECT_EQ(tell(step(waits, *socket), waits), "would wait");
    const Plain client{::socket(AF_INET, SOCK_STREAM, 0)};
    ASSERT_EQ(::connect(client, at->get(), at->length), 0);
    Operation accepts{accept_operation, socket, Deadline::never()};
    ASSERT_EQ(tell(step(accepts, *socket), accepts), "done");
    SocketRecord* const made = accepts.made;
    EXPECT_EQ(::send(client, "hi", 2, 0), 2);
    EXPECT_EQ(receive(made, step), "received hi");
    EXPECT_NE(::fcntl(made->descriptor, F_GETFD) & FD_CLOEXEC, 0);
    EXPECT_NE(::fcntl(made->descriptor, F_GETFL) & O_NONBLOCK, 0);
    close(made);
    close(socket);
  }
}

TEST_F(OperationTest, AcceptOnWhatDoesNotListenFails) {
  for (const Step& step : kBoth) {
    SocketRecord* const socket = adopt(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    Operation operation{accept_operation, socket, Deadline::never()};
    EXPECT_EQ(tell(step(operation, *socket), operation), "failed: system error (accept4)");
    close(socket);
  }
}

TEST_F(OperationTest, ConnectIsAskedAgainUntilItIsOver) {
  for (const Step& step : kBoth) {
    const PlainListener listener;
    const auto to = net::resolve(listener.address(), false, net::Names::refuse)->front();
    SocketRecord* const socket = adopt(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    Operation operation{connect_operation, socket, Deadline::never()};
    operation.target = &to;
    Verdict verdict = step(operation, *socket);
    EXPECT_EQ(verdict, Verdict::would_wait) << "the handshake takes its time";
    while (verdict == Verdict::would_wait) {
      pollfd entry{socket->descriptor, POLLOUT, 0};
      EXPECT_EQ(::poll(&entry, 1, 5000), 1);
      verdict = step(operation, *socket);
    }
    EXPECT_EQ(tell(verdict, operation), "done");
    close(socket);
  }
}

TEST_F(OperationTest, ConnectToNobodyIsRefused) {
  const Address nobody = PlainListener{}.address();
  const auto to = net::resolve(nobody, false, net::Names::refuse)->front();
  for (const Step& step : kBoth) {
    SocketRecord* const socket = adopt(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    Operation operation{connect_operation, socket, Deadline::never()};
    operation.target = &to;
    Verdict verdict = step(operation, *socket);
    while (verdict == Verdict::would_wait) {
      pollfd entry{socket->descriptor, POLLOUT, 0};
      EXPECT_EQ(::poll(&entry, 1, 5000), 1);
      verdict = step(operation, *socket);
    }
    EXPECT_EQ(tell(verdict, operation), "failed: connection refused (connect)");
    close(socket);
  }
}

TEST_F(OperationTest, ReadyTellsWhetherAReadOrWriteWouldWait) {
  for (const Step& step : kBoth) {
    const Pipe pipe;
    for (const bool readable : {false, true}) {
      if (readable) pipe.put("x");
      const auto reading = core().borrow(pipe.reading);
      Operation read{readable_operation, *reading, Deadline::never()};
      EXPECT_EQ(tell(step(read, **reading), read), readable ? "done" : "would wait");
      core().close(**reading);
    }
    const auto writing = core().borrow(pipe.writing);
    Operation write{writable_operation, *writing, Deadline::never()};
    EXPECT_EQ(tell(step(write, **writing), write), "done");
    core().close(**writing);
  }
}

// Answers that cannot be had from a kernel at will.

struct Answer {
  const OperationType& type;
  std::int64_t answer;
  const char* story;
};

TEST_F(OperationTest, EveryErrorHasItsMeaning) {
  const std::array answers{
      Answer{receive_operation, -EINTR, "progressed"},
      Answer{receive_operation, -EAGAIN, "would wait"},
      Answer{receive_operation, -ECONNRESET, "failed: connection reset by the peer (recv)"},
      Answer{receive_operation, -ETIMEDOUT, "failed: unreachable (recv)"},
      Answer{receive_operation, -ENOMEM, "failed: out of memory (recv)"},
      Answer{receive_operation, 0, "failed: end of stream (recv)"},
      Answer{send_operation, -EINTR, "progressed"},
      Answer{send_operation, -EAGAIN, "would wait"},
      Answer{send_operation, -EPIPE, "failed: connection already closed (send)"},
      Answer{send_operation, -ENOBUFS, "failed: out of memory (send)"},
      Answer{accept_operation, -EINTR, "progressed"},
      Answer{accept_operation, -EAGAIN, "would wait"},
      Answer{accept_operation, -ECONNABORTED, "progressed"},
      Answer{accept_operation, -EPROTO, "progressed"},
      Answer{accept_operation, -EMFILE, "failed: too many open descriptors (accept4)"},
      Answer{accept_operation, -ENOMEM, "failed: out of memory (accept4)"},
      Answer{connect_operation, 0, "done"},
      Answer{connect_operation, -EISCONN, "done"},
      Answer{connect_operation, -EINPROGRESS, "would wait"},
      Answer{connect_operation, -EALREADY, "would wait"},
      Answer{connect_operation, -EINTR, "would wait"},
      Answer{connect_operation, -EAGAIN, "failed: would have to wait (connect)"},
      Answer{connect_operation, -ECONNREFUSED, "failed: connection refused (connect)"},
      Answer{readable_operation, -EINTR, "progressed"},
      Answer{readable_operation, -EAGAIN, "would wait"},
      Answer{readable_operation, POLLIN, "done"},
      Answer{readable_operation, POLLHUP, "done"},
      Answer{readable_operation, -ENOMEM, "failed: out of memory (poll)"},
  };
  Pair pair = connected();
  for (const auto& [type, answer, story] : answers) {
    Operation operation{type, pair.socket, Deadline::never()};
    operation.sending = bytes_of("bytes");
    Submission request;
    if (&type == &connect_operation) {
      static const net::SocketAddress to{};
      operation.target = &to;
    }
    type.describe(operation, *pair.socket, request);
    if (request.call == Submission::Call::recv) operation.lease.block = core().buffers.take();
    EXPECT_EQ(tell(type.absorb(operation, *pair.socket, answer), operation), story)
        << request.flags << ' ' << answer;
  }
  close(pair.socket);
}

TEST_F(OperationTest, APartOfASendIsTakenOffTheFront) {
  Pair pair = connected();
  Operation operation{send_operation, pair.socket, Deadline::never()};
  operation.sending = bytes_of("hello");
  EXPECT_EQ(send_operation.absorb(operation, *pair.socket, 2), Verdict::progressed);
  EXPECT_EQ(text_of(operation.sending), "llo");
  Submission request;
  send_operation.describe(operation, *pair.socket, request);
  EXPECT_EQ(request.length, 3U);
  EXPECT_NE(request.flags & MSG_NOSIGNAL, 0);
  EXPECT_EQ(tell(send_operation.absorb(operation, *pair.socket, 3), operation), "done");
  close(pair.socket);
}

TEST_F(OperationTest, WaitsDescribeNothing) {
  for (const OperationType* const type :
       {&sleep_operation, &channel_send_operation, &channel_receive_operation}) {
    EXPECT_EQ(type->wait, WaitFor::wake);
    EXPECT_EQ(type->describe, nullptr);
    EXPECT_EQ(type->absorb, nullptr);
    EXPECT_NE(type->abandon, nullptr);
  }
}

}  // namespace
}  // namespace headrace::detail
