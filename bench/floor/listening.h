// SPDX-License-Identifier: MIT
//
// What the floor servers have in common: open a port of loopback, accept, say so. Nothing here runs
// while messages are echoed.
#ifndef HEADRACE_FLOOR_LISTENING_H
#define HEADRACE_FLOOR_LISTENING_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { buffer_size = 64 * 1024 };

static inline _Noreturn void fail(const char* call) {
  perror(call);
  exit(1);
}

// Listens at 127.0.0.1 and the port in `text` (0 or absent: any free one). Raises the limit of
// descriptors, for the server's sake.
static inline int listen_at(const char* text, int flags, const char* name) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);  // up to the hard limit is always allowed
  }
  struct sockaddr_in at = {.sin_family = AF_INET,
                           .sin_port = htons((uint16_t)(text ? atoi(text) : 0)),
                           .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t length = sizeof at;
  const int yes = 1;
  const int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
  if (listening < 0) fail("socket");
  if (setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) < 0) fail("setsockopt");
  if (bind(listening, (struct sockaddr*)&at, length) < 0) fail("bind");
  if (listen(listening, SOMAXCONN) < 0) fail("listen");
  if (getsockname(listening, (struct sockaddr*)&at, &length) < 0) fail("getsockname");
  fprintf(stderr, "listening on tcp://127.0.0.1:%d (%s)\n", ntohs(at.sin_port), name);
  return listening;
}

// The next connection, or -1 when none waits. Out of descriptors or memory: leaves it in the queue
// and looks again a little later.
static inline int accept_next(int listening, int flags) {
  for (;;) {
    const int peer = accept4(listening, NULL, NULL, SOCK_CLOEXEC | flags);
    if (peer >= 0) {
      const int yes = 1;
      (void)setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);  // it may be gone already
      return peer;
    }
    if (errno == EAGAIN) return -1;
    if (errno == EINTR || errno == ECONNABORTED) continue;
    if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM) fail("accept4");
    usleep(10000);
    return -1;
  }
}

#endif
