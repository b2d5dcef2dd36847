// SPDX-License-Identifier: MIT
//
// A TCP echo server on libev, in the manner of its manual: a watcher for each connection, whose
// callback makes the calls itself. What send did not take is kept, and until it is gone the watcher
// waits for room instead of bytes. To be measured beside ours.
#include <ev.h>
#include <string.h>

#include "../floor/listening.h"

struct peer {
  ev_io watcher;  // first, so that one is found from the other
  char* unsent;   // null, or what is left of one receive
  size_t begin, end;
};

static char buffer[buffer_size];

static void drop(struct ev_loop* loop, struct peer* peer) {
  ev_io_stop(loop, &peer->watcher);
  close(peer->watcher.fd);
  free(peer->unsent);
  free(peer);
}

static void wait_for(struct ev_loop* loop, struct peer* peer, int events) {
  ev_io_stop(loop, &peer->watcher);
  ev_io_set(&peer->watcher, peer->watcher.fd, events);
  ev_io_start(loop, &peer->watcher);
}

static void keep(struct ev_loop* loop, struct peer* peer, const char* bytes, size_t size) {
  peer->unsent = malloc(size);
  if (peer->unsent == NULL) return drop(loop, peer);
  memcpy(peer->unsent, bytes, size);
  peer->begin = 0;
  peer->end = size;
  wait_for(loop, peer, EV_WRITE);
}

static void send_unsent(struct ev_loop* loop, struct peer* peer) {
  const ssize_t sent =
      send(peer->watcher.fd, peer->unsent + peer->begin, peer->end - peer->begin, MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN && errno != EINTR) return drop(loop, peer);
  if (sent > 0) peer->begin += (size_t)sent;
  if (peer->begin < peer->end) return;
  free(peer->unsent);
  peer->unsent = NULL;
  wait_for(loop, peer, EV_READ);
}

static void on_event(struct ev_loop* loop, ev_io* watcher, int events) {
  struct peer* const peer = (struct peer*)watcher;
  if ((events & EV_WRITE) != 0) return send_unsent(loop, peer);
  const ssize_t size = recv(watcher->fd, buffer, buffer_size, 0);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (size <= 0) return drop(loop, peer);
  const ssize_t sent = send(watcher->fd, buffer, (size_t)size, MSG_NOSIGNAL);
  if (sent == size) return;
  if (sent < 0 && errno != EAGAIN && errno != EINTR) return drop(loop, peer);
  const size_t gone = sent < 0 ? 0 : (size_t)sent;
  keep(loop, peer, buffer + gone, (size_t)size - gone);
}

static void on_connection(struct ev_loop* loop, ev_io* listening, int events) {
  (void)events;
  const int descriptor = accept_next(listening->fd, SOCK_NONBLOCK);
  if (descriptor < 0) return;
  struct peer* const peer = calloc(1, sizeof *peer);
  if (peer == NULL) {
    close(descriptor);
    return;
  }
  ev_io_init(&peer->watcher, on_event, descriptor, EV_READ);
  ev_io_start(loop, &peer->watcher);
}

int main(void) {
  struct ev_loop* const loop = ev_default_loop(0);
  if (loop == NULL) return 1;
  ev_io listening;
  ev_io_init(&listening, on_connection, listen_at(NULL, SOCK_NONBLOCK, "libev"), EV_READ);
  ev_io_start(loop, &listening);
  ev_run(loop, 0);
  return 0;
}
