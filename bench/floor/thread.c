// SPDX-License-Identifier: MIT
//
// The floor of thread: a thread for every connection, which reads and writes and waits in both.
// Small stacks, all with their 64 KiB of buffer.
#define _GNU_SOURCE
#include <pthread.h>

#include "listening.h"

enum { stack_size = 128 * 1024 };

static int send_all(int peer, const char* bytes, size_t size) {
  while (size > 0) {
    const ssize_t sent = send(peer, bytes, size, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return 0;
    bytes += sent;
    size -= (size_t)sent;
  }
  return 1;
}

static void* echo(void* argument) {
  const int peer = (int)(intptr_t)argument;
  char buffer[buffer_size];
  for (;;) {
    const ssize_t size = recv(peer, buffer, buffer_size, 0);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0 || !send_all(peer, buffer, (size_t)size)) break;
  }
  close(peer);
  return NULL;
}

int main(int count, char** arguments) {
  const int listening = listen_at(count > 1 ? arguments[1] : NULL, 0, "floor thread");
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, stack_size);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  for (;;) {
    const int peer = accept_next(listening, 0);
    if (peer < 0) continue;
    pthread_t thread;
    if (pthread_create(&thread, &attributes, echo, (void*)(intptr_t)peer) != 0) close(peer);
  }
}
