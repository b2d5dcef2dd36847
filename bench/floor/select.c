// SPDX-License-Identifier: MIT
//
// The floor of select: the thinnest correct echo server that select allows.
//
// One thread, one buffer for all. Level-triggered: what is there is told as long as it is there, so
// one recv a call of select is enough. A peer that does not read its echo is not read either: what
// send did not take is kept, 64 KiB at most a peer, and its bit is in the other set until it is
// gone. Descriptors beyond FD_SETSIZE are refused: their bit would lie outside of the set.
#define _GNU_SOURCE
#include <string.h>
#include <sys/select.h>

#include "listening.h"

struct unsent {
  size_t begin, end;
  char bytes[buffer_size];
};

enum { bits = 8 * sizeof(unsigned long) };  // in a word of a set
static struct unsent* unsent_of[FD_SETSIZE];
static char buffer[buffer_size];
static fd_set want_read, want_write;
static int highest;

static void drop(int peer) {
  free(unsent_of[peer]);
  unsent_of[peer] = NULL;
  FD_CLR(peer, &want_read);
  FD_CLR(peer, &want_write);
  close(peer);
  while (!FD_ISSET(highest, &want_read) && !FD_ISSET(highest, &want_write)) --highest;
}

// Keeps what send did not take.
static void keep(int peer, const char* bytes, size_t size) {
  struct unsent* rest = malloc(sizeof *rest);
  if (rest == NULL) return drop(peer);
  memcpy(rest->bytes, bytes, size);
  rest->begin = 0;
  rest->end = size;
  unsent_of[peer] = rest;
  FD_CLR(peer, &want_read);
  FD_SET(peer, &want_write);
}

// What was left over from earlier.
static void send_unsent(int peer) {
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
  FD_CLR(peer, &want_write);
  FD_SET(peer, &want_read);
}

static void echo(int peer) {
  const ssize_t size = recv(peer, buffer, buffer_size, 0);
  if (size < 0 && (errno == EINTR || errno == EAGAIN)) return;  // level: we are told again
  if (size <= 0) return drop(peer);
  size_t done = 0;
  while (done < (size_t)size) {
    const ssize_t sent = send(peer, buffer + done, (size_t)size - done, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) return keep(peer, buffer + done, (size_t)size - done);
    if (sent < 0) return drop(peer);
    done += (size_t)sent;
  }
}

static void accept_all(int listening) {
  for (int peer; (peer = accept_next(listening, SOCK_NONBLOCK)) >= 0;) {
    if (peer >= FD_SETSIZE) {
      close(peer);
      continue;
    }
    FD_SET(peer, &want_read);
    if (peer > highest) highest = peer;
  }
}

int main(int count, char** arguments) {
  const int listening = listen_at(count > 1 ? arguments[1] : NULL, SOCK_NONBLOCK, "floor select");
  FD_SET(listening, &want_read);
  highest = listening;
  for (;;) {
    // select writes its answer over the sets.
    union {
      fd_set set;
      unsigned long words[sizeof(fd_set) / sizeof(unsigned long)];
    } readable = {want_read}, writable = {want_write};
    const int ready = select(highest + 1, &readable.set, &writable.set, NULL, NULL);
    if (ready < 0 && errno != EINTR) fail("select");
    if (ready < 0) continue;
    for (int word = 0; word < FD_SETSIZE / bits; ++word) {
      unsigned long left = readable.words[word] | writable.words[word];
      for (; left != 0; left &= left - 1) {
        const int peer = word * bits + __builtin_ctzl(left);
        if (peer == listening)
          accept_all(listening);
        else if (unsent_of[peer] != NULL)
          send_unsent(peer);
        else
          echo(peer);
      }
    }
  }
}
