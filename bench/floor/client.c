// SPDX-License-Identifier: MIT
//
// The floor of a load generator: the thinnest client that keeps one message under way on each of
// its connections. It counts and takes no times, verifies nothing, and ends after some seconds.
//
// Usage: client PORT CONNECTIONS BYTES SECONDS; prints messages a second and its CPU per message.
#define _GNU_SOURCE
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { batch = 1024, largest = 64 * 1024 };
static char message[largest], answer[largest];
static size_t missing_of[1 << 20];  // by descriptor: bytes until its answer is complete

static _Noreturn void fail(const char* call) {
  perror(call);
  exit(1);
}

static double seconds(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int connect_to(int port) {
  const struct sockaddr_in at = {.sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)port),
                                 .sin_addr = {htonl(INADDR_LOOPBACK)}};
  const int yes = 1, peer = socket(AF_INET, SOCK_STREAM, 0);
  if (peer < 0 || connect(peer, (const struct sockaddr*)&at, sizeof at) < 0) fail("connect");
  if (setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) < 0) fail("setsockopt");
  return peer;
}

static void ask(int peer, size_t size) {
  missing_of[peer] = size;
  if (send(peer, message, size, MSG_NOSIGNAL) != (ssize_t)size) fail("send");
}

int main(int count, char** words) {
  if (count != 5) return fprintf(stderr, "usage: client PORT CONNECTIONS BYTES SECONDS\n"), 2;
  const int port = atoi(words[1]), connections = atoi(words[2]);
  const size_t size = (size_t)atoi(words[3]);
  const int interest_list = epoll_create1(0);
  if (size < 1 || size > largest) return 2;
  for (int nth = 0; nth < connections; ++nth) {
    const int peer = connect_to(port);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data = {.fd = peer}};
    if (epoll_ctl(interest_list, EPOLL_CTL_ADD, peer, &event) < 0) fail("epoll_ctl");
    ask(peer, size);
  }
  const double start = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
  const double end = start + atof(words[4]);
  unsigned long messages = 0;
  double now = start;
  for (; now < end; now = seconds(CLOCK_MONOTONIC)) {
    struct epoll_event events[batch];
    const int ready = epoll_wait(interest_list, events, batch, 50);
    for (int nth = 0; nth < ready; ++nth) {
      const int peer = events[nth].data.fd;
      const ssize_t got = recv(peer, answer, sizeof answer, MSG_DONTWAIT);
      if (got <= 0) fail("recv");
      missing_of[peer] -= (size_t)got;
      if (missing_of[peer] > 0) continue;
      ++messages;
      ask(peer, size);
    }
  }
  const double used = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
  printf("%.0f messages/s, %.3f us CPU a message, %.0f%% of a core\n",
         (double)messages / (now - start), used * 1e6 / (double)messages,
         100 * used / (now - start));
  return 0;
}
