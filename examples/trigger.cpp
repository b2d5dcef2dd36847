// SPDX-License-Identifier: MIT
//
// Level and edge trigger, seen on one socket: two epoll(7) instances watch it, one of each kind,
// and are asked after each thing that happens to it. Needs nothing of headrace.
//
// Level: told as long as there is something to read. Edge: told once for each arrival; whoever does
// not read everything then is not told of the rest, and may wait for ever (or until more arrives).
#include <array>
#include <cstdio>
#include <string_view>

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

struct Watched {
  int socket, peer;  // connected to each other
  int level, edge;   // both watch `socket`
};

int watch(int socket, unsigned how) {
  const int interest_list = ::epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{.events = EPOLLIN | how, .data = {.fd = socket}};
  return ::epoll_ctl(interest_list, EPOLL_CTL_ADD, socket, &event) == 0 ? interest_list : -1;
}

const char* what_is_told(int interest_list) {
  epoll_event event{};
  return ::epoll_wait(interest_list, &event, 1, 0) == 1 ? "told" : "-";
}

void show(const Watched& all, std::string_view what_happened) {
  std::printf("%-34.*s  %-5s  %s\n", static_cast<int>(what_happened.size()), what_happened.data(),
              what_is_told(all.level), what_is_told(all.edge));
}

// Both fit into the socket's buffer, so neither is ever cut short.
void write_text(const Watched& all, std::string_view text) {
  if (::write(all.peer, text.data(), text.size()) < 0) std::perror("write");
}

void read_bytes(const Watched& all, std::size_t size) {
  std::array<char, 64> bytes;
  if (::read(all.socket, bytes.data(), size) < 0) std::perror("read");
}

void tell_story(const Watched& all) {
  std::printf("%-34s  %-5s  %s\n", "what happens", "level", "edge");
  show(all, "nothing yet");
  write_text(all, "abcdef");
  show(all, "6 bytes arrive");
  show(all, "nobody reads them");
  read_bytes(all, 2);
  show(all, "2 are read, 4 are left");
  write_text(all, "gh");
  show(all, "2 more arrive");
  read_bytes(all, 64);
  show(all, "all 6 are read");
  write_text(all, "ij");
  (void)::close(all.peer);
  show(all, "2 arrive, and the end of stream");
  read_bytes(all, 64);
  show(all, "2 are read, the end is not");
}

}  // namespace

int main() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) != 0) return 1;
  const Watched all{ends[0], ends[1], watch(ends[0], 0), watch(ends[0], EPOLLET)};
  if (all.level < 0 || all.edge < 0) return 1;
  tell_story(all);
}
