// SPDX-License-Identifier: MIT
//
// The floor of epoll-edge: the thinnest correct echo server that edge-triggered epoll allows. What
// headrace costs is told as a multiple of what this one costs.
//
// One thread, one buffer for all. Edge-triggered: the kernel speaks once, so everything there is
// must be read. A short read means that nothing is left (which saves the recv that would fail),
// unless FIN or an urgent mark came with the data. A peer that does not read its echo is not read
// either: what send did not take is kept, 64 KiB at most a peer, until there is room.
#define _GNU_SOURCE
#include <string.h>
#include <sys/epoll.h>

#include "listening.h"

struct unsent {
  size_t begin, end;
  char bytes[buffer_size];
};

enum { most_descriptors = 1 << 20, batch = 512 };
static struct unsent*
    unsent_of[most_descriptors];  // by descriptor; pages never touched cost nothing
static char buffer[buffer_size];

static void drop(int peer) {
  free(unsent_of[peer]);
  unsent_of[peer] = NULL;
  close(peer);  // also leaves the interest list
}

// All of `bytes` or an error. 1: all sent; 0: the rest waits for room; -1: the peer is gone.
static int send_all(int peer, const char* bytes, size_t size) {
  while (size > 0) {
    const ssize_t sent = send(peer, bytes, size, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno != EAGAIN) return -1;
    if (sent < 0) break;
    bytes += sent;
    size -= (size_t)sent;
  }
  if (size == 0) return 1;
  struct unsent* rest = malloc(sizeof *rest);
  if (rest == NULL) return -1;
  memcpy(rest->bytes, bytes, size);
  rest->begin = 0;
  rest->end = size;
  unsent_of[peer] = rest;
  return 0;
}

// What was left over from earlier; the same answers.
static int send_unsent(int peer) {
  struct unsent* rest = unsent_of[peer];
  while (rest->begin < rest->end) {
    const ssize_t sent =
        send(peer, rest->bytes + rest->begin, rest->end - rest->begin, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return errno == EAGAIN ? 0 : -1;
    rest->begin += (size_t)sent;
  }
  free(rest);
  unsent_of[peer] = NULL;
  return 1;
}

static void echo(int peer, uint32_t events) {
  int all_sent = 1;
  if (unsent_of[peer] != NULL) {
    all_sent = send_unsent(peer);
    events |=
        EPOLLRDHUP;  // this edge may be the one for room: data of an earlier edge may lie there
  }
  const int plain = !(events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI));
  while (all_sent > 0) {
    const ssize_t size = recv(peer, buffer, buffer_size, 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) return drop(peer);
    all_sent = send_all(peer, buffer, (size_t)size);
    if (plain && size < buffer_size && all_sent > 0) return;
  }
  if (all_sent < 0) drop(peer);
}

static void accept_all(int listening, int interest_list) {
  for (int peer; (peer = accept_next(listening, SOCK_NONBLOCK)) >= 0;) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET,
                                .data = {.fd = peer}};
    if (peer >= most_descriptors || epoll_ctl(interest_list, EPOLL_CTL_ADD, peer, &event) < 0)
      close(peer);  // refused, as one does without room
  }
}

int main(int count, char** arguments) {
  const int listening =
      listen_at(count > 1 ? arguments[1] : NULL, SOCK_NONBLOCK, "floor epoll-edge");
  const int interest_list = epoll_create1(EPOLL_CLOEXEC);
  if (interest_list < 0) fail("epoll_create1");
  // Level-triggered, so that connections left in the queue are told about again.
  struct epoll_event event = {.events = EPOLLIN, .data = {.fd = listening}};
  if (epoll_ctl(interest_list, EPOLL_CTL_ADD, listening, &event) < 0) fail("epoll_ctl");
  for (;;) {
    struct epoll_event events[batch];
    const int ready = epoll_wait(interest_list, events, batch, -1);
    if (ready < 0 && errno != EINTR) fail("epoll_wait");
    for (int i = 0; i < ready; ++i) {
      if (events[i].data.fd == listening)
        accept_all(listening, interest_list);
      else
        echo(events[i].data.fd, events[i].events);
    }
  }
}
