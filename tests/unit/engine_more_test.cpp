// SPDX-License-Identifier: MIT
//
// The ways in which a kernel says "there is more" behind a read that came short: an urgent byte, a
// descriptor among the bytes of a Unix stream, bytes and FIN together. An engine that takes a short
// read for the end would wait for an edge that never comes.
#include <array>
#include <cstring>
#include <string>
#include <string_view>

#include <sys/socket.h>
#include <sys/uio.h>

#include "engines.hpp"

namespace headrace {
namespace {

using namespace testing_support;

using EngineMoreTest = OnEveryEngine;

Task<> receive_urgent(Engine& engine, const PlainListener& listener, bool reads_first) {
  Wire wire = co_await connect_to(engine, listener);
  if (reads_first) {
    wire.put("usual;");
    EXPECT_EQ(text_or_reason(co_await wire.stream.receive(soon())), "usual;");
  }
  wire.put("before;");
  EXPECT_EQ(::send(wire.peer, "!", 1, MSG_OOB | MSG_NOSIGNAL), 1);
  wire.put("after;");
  EXPECT_EQ(::send(wire.peer, "?", 1, MSG_OOB | MSG_NOSIGNAL), 1);
  wire.put("the end");
  ::shutdown(wire.peer, SHUT_WR);
  Failure end{};
  const auto begin = Clock::now();
  const std::string all = co_await receive_all(wire.stream, end);
  EXPECT_LT(Clock::now() - begin, kLong / 2) << "found by the last look before a deadline";
  // The last urgent byte stays out of line; one that another has overtaken is read in line.
  EXPECT_TRUE(all == "before;!after;the end" || all == "before;after;the end") << all;
  EXPECT_EQ(end.code, Errc::end_of_stream);
}

TEST_P(EngineMoreTest, BytesBehindAnUrgentByteArrive) {
  for (const bool reads_first : {false, true})
    engine.run(receive_urgent(engine, PlainListener{}, reads_first));
}

void send_with_a_descriptor(int socket, std::string_view text) {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  iovec bytes{const_cast<char*>(text.data()), text.size()};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(header), &socket, sizeof socket);
  EXPECT_EQ(::sendmsg(socket, &message, MSG_NOSIGNAL), ssize_t(text.size()));
}

Task<> receive_around_a_descriptor(Engine& engine, const PlainListener& listener) {
  Wire wire = co_await connect_to(engine, listener);
  wire.put("before;");
  send_with_a_descriptor(wire.peer, "with;");
  wire.put("after;");
  const auto begin = Clock::now();
  std::string all;
  while (all.size() < 18) {
    const auto bytes = co_await wire.stream.receive(soon());
    EXPECT_TRUE(bytes) << "after \"" << all << '"';
    if (!bytes) break;
    all += text_of(*bytes);
  }
  EXPECT_EQ(all, "before;with;after;");
  EXPECT_LT(Clock::now() - begin, kLong / 2) << "found by the last look before a deadline";
}

TEST_P(EngineMoreTest, BytesBehindADescriptorArriveOnAUnixStream) {
  engine.run(receive_around_a_descriptor(engine, PlainListener{Transport::unix_stream}));
}

Task<> receive_bytes_and_fin_at_once(Engine& engine, const PlainListener& listener) {
  for (const std::size_t size : {1UZ, 65535UZ, 65536UZ, 65537UZ, 200'000UZ}) {
    Wire wire = co_await connect_to(engine, listener);
    const std::string sent = pattern(size);
    wire.put(sent);
    ::shutdown(wire.peer, SHUT_WR);
    Failure end{};
    const auto begin = Clock::now();
    EXPECT_TRUE(co_await receive_all(wire.stream, end) == sent) << size;
    EXPECT_LT(Clock::now() - begin, kLong / 2) << size;
    EXPECT_EQ(end.code, Errc::end_of_stream) << size;
  }
}

TEST_P(EngineMoreTest, BytesAndTheEndOfStreamArriveWhenTheyComeTogether) {
  engine.run(receive_bytes_and_fin_at_once(engine, PlainListener{}));
  engine.run(receive_bytes_and_fin_at_once(engine, PlainListener{Transport::unix_stream}));
}

HEADRACE_ON_EVERY_ENGINE(EngineMoreTest);

}  // namespace
}  // namespace headrace
