// SPDX-License-Identifier: MIT
#include "net/port_owner.hpp"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "net/socket.hpp"
#include "net/unix_path.hpp"

namespace headrace::net {
namespace {

constexpr unsigned kChildLifetime = 30;  // seconds, then SIGALRM

Address parsed(const std::string& text) { return *Address::parse(text); }

Socket listen_on(const std::string& text) {
  const SocketAddress at = resolve(parsed(text), true, Names::refuse)->front();
  auto listening = listen_at(at, {}, Sharing::first, Blocking::no);
  EXPECT_TRUE(listening) << text;
  return std::move(*listening);
}

std::string port_of(const Socket& socket) {
  const auto address = local_address(socket.descriptor());
  return std::to_string(to_address(*address, Transport::tcp).port());
}

bool is_held_by(const PortOwners& found, pid_t pid) {
  return std::ranges::find(found.owners, pid, &PortOwner::pid) != found.owners.end();
}

bool is_held_by_me(const std::string& text) {
  return is_held_by(find_port_owners(parsed(text)), ::getpid());
}

TEST(PortOwner, TheHolderIsNamed) {
  char name[17] = {};
  ASSERT_EQ(::prctl(PR_GET_NAME, name), 0);
  const Socket listening = listen_on("127.0.0.1:0");
  const PortOwners found = find_port_owners(parsed("127.0.0.1:" + port_of(listening)));
  EXPECT_TRUE(found.listening);
  EXPECT_FALSE(found.hidden);
  ASSERT_EQ(found.owners.size(), 1U);
  EXPECT_EQ(found.owners[0].pid, ::getpid());
  EXPECT_EQ(found.owners[0].name, name);
}

TEST(PortOwner, WhatIsNotPrintableInANameIsNotShown) {
  char before[17] = {};
  ASSERT_EQ(::prctl(PR_GET_NAME, before), 0);
  ASSERT_EQ(::prctl(PR_SET_NAME, "a\x1b[31m\xff\x7f z"), 0);
  const Socket listening = listen_on("127.0.0.1:0");
  const PortOwners found = find_port_owners(parsed(port_of(listening)));
  ASSERT_EQ(::prctl(PR_SET_NAME, before), 0);
  ASSERT_EQ(found.owners.size(), 1U);
  EXPECT_EQ(found.owners[0].name, "a?[31m?? z");
}

TEST(PortOwner, NobodyListensAtAPortThatWasClosed) {
  std::string port;
  {
    const Socket listening = listen_on("127.0.0.1:0");
    port = port_of(listening);
  }
  EXPECT_FALSE(is_held_by_me(port));
}

TEST(PortOwner, AConnectionDoesNotListen) {
  const Socket listening = listen_on("127.0.0.1:0");
  const auto client = make_stream_socket(AF_INET, Blocking::yes);
  const auto at = local_address(listening.descriptor());
  ASSERT_EQ(sys::connect(client->descriptor(), at->get(), at->length), 0);
  EXPECT_FALSE(is_held_by_me(port_of(*client)));
}

TEST(PortOwner, EveryProcessThatHoldsTheSocketIsFound) {
  const Socket listening = listen_on("127.0.0.1:0");
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(kChildLifetime);
    for (;;) ::pause();
  }
  const PortOwners found = find_port_owners(parsed(port_of(listening)));
  EXPECT_TRUE(is_held_by(found, ::getpid()));
  EXPECT_TRUE(is_held_by(found, child));
  EXPECT_TRUE(std::ranges::is_sorted(found.owners, {}, &PortOwner::pid));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

TEST(PortOwner, AProcessIsFoundOnceHoweverManyItsSockets) {
  const Socket first = listen_on("127.0.0.1:0");
  const auto worker =
      listen_at(*local_address(first.descriptor()), {}, Sharing::join, Blocking::no);
  ASSERT_TRUE(worker);
  EXPECT_EQ(find_port_owners(parsed(port_of(first))).owners.size(), 1U);
}

TEST(PortOwner, AWildcardStandsForEveryAddressOfThisMachine) {
  const Socket everywhere = listen_on("0.0.0.0:0");
  const std::string port = ":" + port_of(everywhere);
  EXPECT_TRUE(is_held_by_me("127.0.0.1" + port));
  EXPECT_TRUE(is_held_by_me("localhost" + port));
  EXPECT_TRUE(is_held_by_me("0.0.0.0" + port));
  EXPECT_TRUE(is_held_by_me("*" + port));
  EXPECT_FALSE(is_held_by_me("[::1]" + port));
  EXPECT_FALSE(is_held_by_me("192.0.2.1" + port));  // TEST-NET-1: not of this machine
}

TEST(PortOwner, TheDualStackWildcardStandsForBothFamilies) {
  const Socket everywhere = listen_on("*:0");
  const std::string port = ":" + port_of(everywhere);
  EXPECT_TRUE(is_held_by_me("127.0.0.1" + port));
  EXPECT_TRUE(is_held_by_me("*" + port));
}

TEST(PortOwner, OneAddressIsInTheWayOfTheWildcardButNotOfAnother) {
  const Socket one = listen_on("127.0.0.2:0");
  const std::string port = ":" + port_of(one);
  EXPECT_TRUE(is_held_by_me("*" + port));
  EXPECT_TRUE(is_held_by_me("0.0.0.0" + port));
  EXPECT_FALSE(is_held_by_me("127.0.0.1" + port));
  EXPECT_FALSE(is_held_by_me("udp://127.0.0.2" + port));
}

TEST(PortOwner, ADatagramSocketIsFoundByItsOwnScheme) {
  const Socket bound{sys::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  const SocketAddress at = resolve(parsed("udp://:0"), true, Names::refuse)->front();
  ASSERT_EQ(sys::bind(bound.descriptor(), at.get(), at.length), 0);
  EXPECT_TRUE(is_held_by_me("udp://:" + port_of(bound)));
}

TEST(PortOwner, UnixSocketsAreFoundByPathAndByName) {
  std::string directory = testing::TempDir() + "headrace-XXXXXX";
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  const std::string path = directory + "/a.sock";
  const std::string name = "@headrace-owner-" + std::to_string(::getpid());
  {
    UnixPath made, none;
    const auto file = listen_at_path(parsed("unix:" + path), {}, Blocking::no, made);
    const auto abstract = listen_at_path(parsed("unix:" + name), {}, Blocking::no, none);
    ASSERT_TRUE(file && abstract);
    EXPECT_TRUE(is_held_by_me("unix:" + path));
    EXPECT_TRUE(is_held_by_me("unix:" + name));
    EXPECT_FALSE(is_held_by_me("unix:" + path + "x"));
    EXPECT_FALSE(is_held_by_me("unix-datagram:" + path));
  }
  EXPECT_FALSE(find_port_owners(parsed("unix:" + path)).listening);
  std::filesystem::remove_all(directory);
}

TEST(PortOwner, AUnixConnectionDoesNotListenThoughItBearsThePath) {
  const Address at = parsed("unix:@headrace-owner-" + std::to_string(::getpid()));
  UnixPath none;
  auto listening = listen_at_path(at, {}, Blocking::no, none);
  ASSERT_TRUE(listening);
  const auto client = make_stream_socket(AF_UNIX, Blocking::yes);
  const auto name = local_address(listening->descriptor());
  ASSERT_EQ(sys::connect(client->descriptor(), name->get(), name->length), 0);
  const Socket peer{sys::accept4(listening->descriptor(), nullptr, nullptr, SOCK_CLOEXEC)};
  ASSERT_TRUE(peer.is_open());
  EXPECT_TRUE(find_port_owners(at).listening);
  *listening = {};
  EXPECT_FALSE(find_port_owners(at).listening);
}

// Whose descriptors only root may look at, while this lives (prctl(2), PR_SET_DUMPABLE).
class HiddenProcess {
 public:
  HiddenProcess() { EXPECT_EQ(::prctl(PR_SET_DUMPABLE, 0), 0); }
  HiddenProcess(const HiddenProcess&) = delete;
  HiddenProcess& operator=(const HiddenProcess&) = delete;
  ~HiddenProcess() { (void)::prctl(PR_SET_DUMPABLE, 1); }
};

// The exit status of `body` in a child process that is not root and holds none of `ours`, and may
// not look at this one.
template <class Body>
int status_as_stranger(Socket& ours, Body body) {
  constexpr uid_t kNobody = 65534;
  const HiddenProcess hidden;
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(kChildLifetime);
    ours = {};
    const bool is_user = ::geteuid() != 0 || ::setuid(kNobody) == 0;
    ::_exit(is_user && body() ? 0 : 1);
  }
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(PortOwner, AHolderThatMayNotBeSeenIsReportedAsHidden) {
  Socket listening = listen_on("127.0.0.1:0");
  const Address at = parsed(port_of(listening));
  const int status = status_as_stranger(listening, [&] {
    const PortOwners found = find_port_owners(at);
    return found.listening && found.hidden && found.owners.empty();
  });
  EXPECT_EQ(status, 0);
}

TEST(PortOwner, OfSeveralHoldersThoseThatMayBeSeenAreNamed) {
  Socket listening = listen_on("127.0.0.1:0");
  const std::string port = port_of(listening);
  const int status = status_as_stranger(listening, [&port] {
    const Socket own = listen_on("127.0.0.2:" + port);
    const PortOwners all = find_port_owners(parsed("*:" + port));
    const PortOwners mine = find_port_owners(parsed("127.0.0.2:" + port));
    return all.hidden && is_held_by(all, ::getpid()) && !mine.hidden &&
           is_held_by(mine, ::getpid());
  });
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace headrace::net
