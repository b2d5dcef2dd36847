// SPDX-License-Identifier: MIT
//
// The floor of a chat room: what anybody says is sent to all others, as it came.
//
// One thread, one buffer, epoll for reading; sockets that block, as those of `ncat --chat` do: one
// who does not read stops the room. No names, no lines: so nothing but system calls, one send(2)
// for each recv(2) and member. A server that sends with send(2) cannot be much faster.
#define _GNU_SOURCE
#include <sys/epoll.h>

#include "listening.h"

enum { most_members = 65536 };

static char buffer[buffer_size];
static int members[most_members];
static int count;

static void join(int peer, int interest_list) {
  struct epoll_event event = {.events = EPOLLIN, .data.fd = peer};
  if (count == most_members) {
    close(peer);
    return;
  }
  members[count++] = peer;
  if (epoll_ctl(interest_list, EPOLL_CTL_ADD, peer, &event) < 0) fail("epoll_ctl");
}

static void leave(int peer) {
  for (int i = 0; i < count; ++i)
    if (members[i] == peer) members[i--] = members[--count];
  close(peer);
}

static void send_all(int peer, size_t size) {
  for (size_t done = 0; done < size;) {
    const ssize_t sent = send(peer, buffer + done, size - done, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return;  // it has gone: reading will tell
    done += (size_t)sent;
  }
}

static void pass_on(int from) {
  const ssize_t size = recv(from, buffer, buffer_size, MSG_DONTWAIT);
  if (size < 0 && (errno == EINTR || errno == EAGAIN)) return;  // level: we are told again
  if (size <= 0) return leave(from);
  for (int i = 0; i < count; ++i)
    if (members[i] != from) send_all(members[i], (size_t)size);
}

int main(int words, char** arguments) {
  const int listening = listen_at(words > 1 ? arguments[1] : NULL, SOCK_NONBLOCK, "floor fanout");
  const int interest_list = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listening};
  if (interest_list < 0) fail("epoll_create1");
  if (epoll_ctl(interest_list, EPOLL_CTL_ADD, listening, &event) < 0) fail("epoll_ctl");
  for (;;) {
    struct epoll_event events[64];
    const int ready = epoll_wait(interest_list, events, 64, -1);
    if (ready < 0 && errno != EINTR) fail("epoll_wait");
    for (int i = 0; i < ready; ++i) {
      const int peer = events[i].data.fd;
      if (peer != listening) {
        pass_on(peer);
        continue;
      }
      for (int made; (made = accept_next(listening, 0)) >= 0;) join(made, interest_list);
    }
  }
}
