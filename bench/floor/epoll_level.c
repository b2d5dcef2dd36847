// SPDX-License-Identifier: MIT
//
// The floor of epoll-level: the thinnest correct echo server that level-triggered epoll allows.
//
// One thread, one buffer for all. Level-triggered: the kernel speaks as long as there is something,
// so one recv an event is enough. A peer that does not read its echo is not read either: what send
// did not take is kept, 64 KiB at most a peer, and only EPOLLOUT is armed until it is gone.
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

static void watch(int interest_list, int peer, uint32_t what) {
  struct epoll_event event = {.events = what, .data = {.fd = peer}};
  if (epoll_ctl(interest_list, EPOLL_CTL_MOD, peer, &event) < 0) drop(peer);
}

// Keeps what send did not take.
static void keep(int interest_list, int peer, const char* bytes, size_t size) {
  struct unsent* rest = malloc(sizeof *rest);
  if (rest == NULL) return drop(peer);
  memcpy(rest->bytes, bytes, size);
  rest->begin = 0;
  rest->end = size;
  unsent_of[peer] = rest;
  watch(interest_list, peer, EPOLLOUT);
}

// What was left over from earlier.
static void send_unsent(int interest_list, int peer) {
  struct unsent* rest = unsent_of[peer];
  while (rest->begin < rest->end) {
    const ssize_t sent =
        send(peer, rest->bytes + rest->begin, rest->end - rest->begin, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) return;
    if (sent < 0) return drop(peer);
    rest->begin += (size_t)sent;
  }
  free(rest);
  unsent_of[peer] = NULL;
  watch(interest_list, peer, EPOLLIN);
}

static void echo(int interest_list, int peer) {
  const ssize_t size = recv(peer, buffer, buffer_size, 0);
  if (size < 0 && (errno == EINTR || errno == EAGAIN)) return;  // level: we are told again
  if (size <= 0) return drop(peer);
  size_t done = 0;
  while (done < (size_t)size) {
    const ssize_t sent = send(peer, buffer + done, (size_t)size - done, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN)
      return keep(interest_list, peer, buffer + done, (size_t)size - done);
    if (sent < 0) return drop(peer);
    done += (size_t)sent;
  }
}

static void accept_all(int listening, int interest_list) {
  for (int peer; (peer = accept_next(listening, SOCK_NONBLOCK)) >= 0;) {
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = peer}};
    if (peer >= most_descriptors || epoll_ctl(interest_list, EPOLL_CTL_ADD, peer, &event) < 0)
      close(peer);  // refused, as one does without room
  }
}

int main(int count, char** arguments) {
  const int listening =
      listen_at(count > 1 ? arguments[1] : NULL, SOCK_NONBLOCK, "floor epoll-level");
  const int interest_list = epoll_create1(EPOLL_CLOEXEC);
  if (interest_list < 0) fail("epoll_create1");
  struct epoll_event event = {.events = EPOLLIN, .data = {.fd = listening}};
  if (epoll_ctl(interest_list, EPOLL_CTL_ADD, listening, &event) < 0) fail("epoll_ctl");
  for (;;) {
    struct epoll_event events[batch];
    const int ready = epoll_wait(interest_list, events, batch, -1);
    if (ready < 0 && errno != EINTR) fail("epoll_wait");
    for (int i = 0; i < ready; ++i) {
      const int peer = events[i].data.fd;
      if (peer == listening)
        accept_all(listening, interest_list);
      else if (unsent_of[peer] != NULL)
        send_unsent(interest_list, peer);
      else
        echo(interest_list, peer);
    }
  }
}
