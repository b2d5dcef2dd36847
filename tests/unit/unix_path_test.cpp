// SPDX-License-Identifier: MIT
#include "net/unix_path.hpp"

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace headrace::net {
namespace {

namespace fs = std::filesystem;

constexpr int kPatienceMs = 5000;
constexpr unsigned kChildLifetime = 30;  // seconds, then SIGALRM: no test leaves a process behind

class UnixPathTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "headrace-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    path_ = directory_ + "/socket";
  }
  void TearDown() override { fs::remove_all(directory_); }

  [[nodiscard]] Result<Socket> listen_here(UnixPath& made, Backlog backlog = {}) const {
    return listen_at_path(Address::local(Transport::unix_stream, path_), backlog, Blocking::no,
                          made);
  }

  // As a server leaves it that was killed.
  void leave_stale_file(int type = SOCK_STREAM) const {
    const Socket socket{sys::socket(AF_UNIX, type | SOCK_CLOEXEC, 0)};
    const SocketAddress at = address();
    ASSERT_EQ(sys::bind(socket.descriptor(), at.get(), at.length), 0);
    ASSERT_TRUE(fs::is_socket(path_));
  }

  [[nodiscard]] SocketAddress address() const {
    return resolve(Address::local(Transport::unix_stream, path_), true, Names::refuse)->front();
  }

  [[nodiscard]] int connect_here() const {
    const auto client = make_stream_socket(AF_UNIX, Blocking::no);
    const SocketAddress at = address();
    return sys::connect(client->descriptor(), at.get(), at.length);
  }

  // Nothing in the directory but, perhaps, the socket: no lock file.
  void expect_clean() const {
    for (const auto& entry : fs::directory_iterator{directory_}) EXPECT_EQ(entry.path(), path_);
  }

  std::string directory_;
  std::string path_;
};

Errc code_of(const Result<Socket>& result) { return result ? Errc{} : result.error().code; }

// Runs `body` in a child process; its return value is the exit status.
template <class Body>
pid_t in_child(Body body) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::alarm(kChildLifetime);
  ::_exit(body());
}

int status_of(pid_t child) {
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_F(UnixPathTest, AFreshPathIsListenedAtAndLeftClean) {
  {
    UnixPath made;
    const auto listening = listen_here(made);
    ASSERT_TRUE(listening) << listening.error().reason();
    EXPECT_EQ(connect_here(), 0);
    EXPECT_EQ(to_address(*local_address(listening->descriptor()), Transport::unix_stream).path(),
              path_);
    expect_clean();
  }
  EXPECT_TRUE(fs::is_empty(directory_));
}

TEST_F(UnixPathTest, OnlyTheOwnerMayConnectWhateverTheUmask) {
  const mode_t before = ::umask(0);
  UnixPath made;
  const auto listening = listen_here(made);
  ::umask(before);
  ASSERT_TRUE(listening);
  struct stat status{};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600U);
}

TEST_F(UnixPathTest, AStaleFileIsReplaced) {
  leave_stale_file();
  UnixPath made;
  const auto listening = listen_here(made);
  ASSERT_TRUE(listening) << listening.error().reason();
  EXPECT_EQ(connect_here(), 0);
  expect_clean();
}

TEST_F(UnixPathTest, AStaleFileOfADatagramSocketIsReplacedToo) {
  leave_stale_file(SOCK_DGRAM);
  UnixPath made;
  EXPECT_TRUE(listen_here(made));
}

TEST_F(UnixPathTest, ALivingServerKeepsItsPath) {
  UnixPath made;
  const auto listening = listen_here(made);
  ASSERT_TRUE(listening);
  UnixPath other;
  EXPECT_EQ(code_of(listen_here(other)), Errc::address_in_use);
  other = {};
  EXPECT_EQ(connect_here(), 0);
  expect_clean();
}

TEST_F(UnixPathTest, AServerWithAFullBacklogIsAlive) {
  UnixPath made;
  const auto listening = listen_here(made, Backlog{0});
  ASSERT_TRUE(listening);
  std::vector<Socket> waiting;
  const SocketAddress at = address();
  int outcome = 0;
  while (outcome == 0 && waiting.size() < 10) {
    waiting.push_back(*make_stream_socket(AF_UNIX, Blocking::no));
    outcome = sys::connect(waiting.back().descriptor(), at.get(), at.length);
  }
  ASSERT_EQ(outcome, -EAGAIN);

  UnixPath other;
  EXPECT_EQ(code_of(listen_here(other)), Errc::address_in_use);
  EXPECT_TRUE(fs::is_socket(path_));
}

TEST_F(UnixPathTest, ALivingDatagramSocketKeepsItsPath) {
  const Socket socket{sys::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  const SocketAddress at = address();
  ASSERT_EQ(sys::bind(socket.descriptor(), at.get(), at.length), 0);
  UnixPath made;
  EXPECT_EQ(code_of(listen_here(made)), Errc::address_in_use);
  EXPECT_TRUE(fs::is_socket(path_));
}

TEST_F(UnixPathTest, AFileThatIsNoSocketIsNeverRemoved) {
  std::ofstream{path_} << "precious";
  UnixPath made;
  EXPECT_EQ(code_of(listen_here(made)), Errc::address_in_use);
  EXPECT_EQ(fs::file_size(path_), 8U);

  fs::remove(path_);
  fs::create_directory(path_);
  EXPECT_EQ(code_of(listen_here(made)), Errc::address_in_use);
  EXPECT_TRUE(fs::is_directory(path_));
}

TEST_F(UnixPathTest, ASymbolicLinkIsNeitherFollowedNorRemoved) {
  leave_stale_file();
  const std::string target = directory_ + "/target";
  fs::rename(path_, target);
  fs::create_symlink(target, path_);
  UnixPath made;
  EXPECT_EQ(code_of(listen_here(made)), Errc::address_in_use);
  EXPECT_TRUE(fs::is_symlink(path_));
  EXPECT_TRUE(fs::is_socket(target));

  fs::remove(target);  // now it dangles
  EXPECT_EQ(code_of(listen_here(made)), Errc::address_in_use);
  EXPECT_TRUE(fs::is_symlink(path_));
}

TEST_F(UnixPathTest, AChildsExitDoesNotRemoveTheFile) {
  UnixPath made;
  const auto listening = listen_here(made);
  ASSERT_TRUE(listening);
  const pid_t child = in_child([&made] {
    const UnixPath inherited = std::move(made);
    return 0;  // destroys it
  });
  EXPECT_EQ(status_of(child), 0);
  EXPECT_EQ(connect_here(), 0);
}

TEST_F(UnixPathTest, AFileOfSomebodyElseAtThePathIsLeftAlone) {
  {
    UnixPath made;
    const auto listening = listen_here(made);
    ASSERT_TRUE(listening);
    fs::rename(path_, directory_ + "/moved");
    std::ofstream{path_} << "new";
  }
  EXPECT_TRUE(fs::is_regular_file(path_));
}

TEST_F(UnixPathTest, ALockFileWithSomethingInItIsNotOursToRemove) {
  std::ofstream{path_ + ".lock"} << "precious";
  UnixPath made;
  EXPECT_TRUE(listen_here(made));
  EXPECT_EQ(fs::file_size(path_ + ".lock"), 8U);
}

TEST_F(UnixPathTest, ALockFileLeftBehindIsNoObstacle) {
  std::ofstream{path_ + ".lock"};
  UnixPath made;
  EXPECT_TRUE(listen_here(made));
  expect_clean();
}

TEST_F(UnixPathTest, ALockFileThatIsASymbolicLinkIsNotFollowed) {
  fs::create_symlink(directory_ + "/elsewhere", path_ + ".lock");
  UnixPath made;
  const auto listening = listen_here(made);
  ASSERT_FALSE(listening);
  EXPECT_EQ(listening.error().error, ELOOP);
  EXPECT_FALSE(fs::exists(directory_ + "/elsewhere"));
}

TEST_F(UnixPathTest, ALockThatIsNeverLetGoEndsAsAddressInUse) {
  const Socket lock{sys::open_lock_file((path_ + ".lock").c_str())};
  ASSERT_EQ(sys::lock_file(lock.descriptor()), 0);
  UnixPath made;
  EXPECT_EQ(code_of(listen_here(made)), Errc::address_in_use);
  EXPECT_TRUE(fs::exists(path_ + ".lock"));
}

TEST_F(UnixPathTest, ADirectoryThatIsMissingIsTold) {
  path_ = directory_ + "/missing/socket";
  UnixPath made;
  const auto listening = listen_here(made);
  ASSERT_FALSE(listening);
  EXPECT_STREQ(listening.error().reason(), "No such file or directory");
}

TEST_F(UnixPathTest, AnAbstractNameNeedsNoFile) {
  path_ = "@headrace-test-" + std::to_string(::getpid());
  {
    UnixPath made, other;
    const auto listening = listen_here(made);
    ASSERT_TRUE(listening) << listening.error().reason();
    EXPECT_EQ(connect_here(), 0);
    EXPECT_EQ(code_of(listen_here(other)), Errc::address_in_use);
    EXPECT_TRUE(fs::is_empty(directory_));
  }
  EXPECT_EQ(connect_here(), -ECONNREFUSED);
}

TEST_F(UnixPathTest, ADatagramAddressCannotBeListenedAt) {
  UnixPath made;
  const Address at = Address::local(Transport::unix_datagram, path_);
  EXPECT_EQ(code_of(listen_at_path(at, {}, Blocking::no, made)), Errc::invalid_address);
  EXPECT_TRUE(fs::is_empty(directory_));
}

struct Pipe {
  Pipe() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(sys::make_pipe(ends, O_CLOEXEC), 0);
    read_end = Socket{ends[0]};
    write_end = Socket{ends[1]};
  }
  void wait_until_closed() {  // by everybody else
    write_end = {};
    char byte = 0;
    while (sys::read(read_end.descriptor(), &byte, 1) > 0) {
    }
  }
  [[nodiscard]] std::optional<char> receive() const {
    pollfd entry{.fd = read_end.descriptor(), .events = POLLIN, .revents = 0};
    char byte = 0;
    if (sys::poll(&entry, 1, kPatienceMs) != 1) return std::nullopt;
    if (sys::read(read_end.descriptor(), &byte, 1) != 1) return std::nullopt;
    return byte;
  }
  Socket read_end, write_end;
};

TEST_F(UnixPathTest, OfTwoServersAtTheSameStalePathExactlyOneWins) {
  leave_stale_file();
  for (int round = 0; round < 50; ++round) {
    Pipe go, outcome, finish;
    const auto compete = [&] {
      finish.write_end = {};
      go.wait_until_closed();
      UnixPath made;
      const auto listening = listen_here(made);
      const bool lost = code_of(listening) == Errc::address_in_use;
      const char told = listening ? 'w' : lost ? 'l' : '?';
      (void)sys::write(outcome.write_end.descriptor(), &told, 1);
      finish.wait_until_closed();
      ::_exit(0);  // as if killed: the file stays, stale again
      return 0;
    };
    const pid_t children[] = {in_child(compete), in_child(compete)};
    go.write_end = {};
    std::string told;
    for (int i = 0; i < 2; ++i) told.push_back(outcome.receive().value_or('-'));
    EXPECT_TRUE(told == "wl" || told == "lw") << told << " in round " << round;
    EXPECT_EQ(connect_here(), 0) << "in round " << round;
    finish.write_end = {};
    for (const pid_t child : children) EXPECT_EQ(status_of(child), 0);
  }
  expect_clean();
}

TEST_F(UnixPathTest, ManyServersComingAndGoingNeverListenTogether) {
  struct Counts {
    std::atomic<int> listening, wins, overlaps, odd;
  };
  void* const memory = sys::map_memory(sizeof(Counts), true);
  ASSERT_NE(memory, nullptr);
  auto& counts = *new (memory) Counts{};
  const auto come_and_go = [&] {
    std::vector<UnixPath*> killed;  // never destroyed
    for (int i = 0; i < 200; ++i) {
      UnixPath made;
      auto listening = listen_here(made);
      if (!listening) {
        counts.odd += code_of(listening) != Errc::address_in_use;
        continue;
      }
      ++counts.wins;
      counts.overlaps += counts.listening++ != 0;
      counts.overlaps += connect_here() != 0;  // nobody has taken the file away
      --counts.listening;
      // Every other one ends as if killed: the file stays, stale, for the next to take over.
      if (i % 2 != 0) killed.push_back(new UnixPath{std::move(made)});
      made = {};
    }
    return 0;
  };
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i) children.push_back(in_child(come_and_go));
  for (const pid_t child : children) EXPECT_EQ(status_of(child), 0);
  EXPECT_EQ(counts.overlaps, 0);
  EXPECT_EQ(counts.odd, 0);
  EXPECT_GE(counts.wins, 4);
  sys::unmap_memory(memory, sizeof(Counts));
}

}  // namespace
}  // namespace headrace::net
