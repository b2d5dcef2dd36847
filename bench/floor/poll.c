// SPDX-License-Identifier: MIT
//
// The floor of poll: the thinnest correct echo server that poll allows.
//
// One thread, one buffer for all. Level-triggered: what is there is told as long as it is there, so
// one recv a call of poll is enough. A peer that does not read its echo is not read either: what
// send did not take is kept, 64 KiB at most a peer, and only POLLOUT is asked for until it is gone.
// The list of entries is dense: the last takes the place of one that goes, and it is walked from
// its end, so that none is passed over.
#define _GNU_SOURCE
#include <poll.h>
#include <string.h>

#include "listening.h"

struct unsent {
  size_t begin, end;
  char bytes[buffer_size];
};

enum { most_descriptors = 1 << 20 };
static struct unsent*
    unsent_of[most_descriptors];  // by descriptor; pages never touched cost nothing
static struct pollfd entries[most_descriptors];
static int entry_count;
static char buffer[buffer_size];

static void drop(struct pollfd* entry) {
  free(unsent_of[entry->fd]);
  unsent_of[entry->fd] = NULL;
  close(entry->fd);
  *entry = entries[--entry_count];
}

// Keeps what send did not take.
static void keep(struct pollfd* entry, const char* bytes, size_t size) {
  struct unsent* rest = malloc(sizeof *rest);
  if (rest == NULL) return drop(entry);
  memcpy(rest->bytes, bytes, size);
  rest->begin = 0;
  rest->end = size;
  unsent_of[entry->fd] = rest;
  entry->events = POLLOUT;
}

// What was left over from earlier.
static void send_unsent(struct pollfd* entry) {
  struct unsent* rest = unsent_of[entry->fd];
  while (rest->begin < rest->end) {
    const ssize_t sent =
        send(entry->fd, rest->bytes + rest->begin, rest->end - rest->begin, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) return;
    if (sent < 0) return drop(entry);
    rest->begin += (size_t)sent;
  }
  free(rest);
  unsent_of[entry->fd] = NULL;
  entry->events = POLLIN;
}

static void echo(struct pollfd* entry) {
  const ssize_t size = recv(entry->fd, buffer, buffer_size, 0);
  if (size < 0 && (errno == EINTR || errno == EAGAIN)) return;  // level: we are told again
  if (size <= 0) return drop(entry);
  size_t done = 0;
  while (done < (size_t)size) {
    const ssize_t sent = send(entry->fd, buffer + done, (size_t)size - done, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) return keep(entry, buffer + done, (size_t)size - done);
    if (sent < 0) return drop(entry);
    done += (size_t)sent;
  }
}

static void accept_all(int listening) {
  for (int peer; (peer = accept_next(listening, SOCK_NONBLOCK)) >= 0;) {
    if (peer >= most_descriptors)
      close(peer);  // refused, as one does without room
    else
      entries[entry_count++] = (struct pollfd){.fd = peer, .events = POLLIN};
  }
}

int main(int count, char** arguments) {
  const int listening = listen_at(count > 1 ? arguments[1] : NULL, SOCK_NONBLOCK, "floor poll");
  entries[entry_count++] = (struct pollfd){.fd = listening, .events = POLLIN};
  for (;;) {
    int ready = poll(entries, (nfds_t)entry_count, -1);
    if (ready < 0 && errno != EINTR) fail("poll");
    for (int i = entry_count - 1; ready > 0 && i >= 0; --i) {
      struct pollfd* const entry = &entries[i];
      if (entry->revents == 0) continue;
      --ready;
      if (i == 0)  // the listener is the first to come and never goes
        accept_all(listening);
      else if (unsent_of[entry->fd] != NULL)
        send_unsent(entry);
      else
        echo(entry);
    }
  }
}
