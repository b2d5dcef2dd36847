// SPDX-License-Identifier: MIT
//
// Usage: fanout_load MEMBERS LINES ROUNDS MILLISECONDS NAME:PROTOCOL:PID:PORT...
//
// One talks and MEMBERS listen, in one room of each chat server on 127.0.0.1, one server after
// another in every round. The sender says LINES lines of 64 bytes at once, and the next ones when
// everybody has got them: so no server can win by losing lines, or by being told to wait. PROTOCOL
// is `chat` (headrace), `ncat` or `irc`. Prints a line for each server: medians of lines delivered
// a second and of the server's processor time a delivery, their ratios to the first server's, and
// the scatter of single rounds. With MILLISECONDS 0 a round is one batch.
//
// Not a measure of the machine: everybody shares it with this.
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"

enum { line_size = 64, most_servers = 4, most_lines = 4096 };

struct server {
  char name[32], protocol[8];
  clockid_t clock;
  int port, sender, members;  // `members`: an epoll instance with all of them
  double rate[most_rounds];   // lines delivered a second
  double cost[most_rounds];   // microseconds of CPU a delivery
  long delivered;
};

static char sending[most_lines * (line_size + 16)];
static size_t sending_size;
static char receiving[1 << 18];

static void send_all(int peer, const char* bytes, size_t size) {
  while (size > 0) {
    const ssize_t sent = send(peer, bytes, size, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) fail("send");
    bytes += sent;
    size -= (size_t)sent;
  }
}

// How many lines have ended in what lies in this member's socket.
static long receive_lines(int peer) {
  const ssize_t got = recv(peer, receiving, sizeof receiving, MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  if (got <= 0) fail("a server closed a connection");
  long lines = 0;
  for (ssize_t at = 0; at < got; ++at) lines += receiving[at] == '\n';  // -O3: many at a time
  return lines;
}

// Lines that came within `patience` ms, from whoever has some.
static long receive_some(const struct server* server, int patience) {
  struct epoll_event events[256];
  const int ready = epoll_wait(server->members, events, 256, patience);
  if (ready < 0 && errno != EINTR) fail("epoll_wait");
  long lines = 0;
  for (int i = 0; i < ready; ++i) lines += receive_lines(events[i].data.fd);
  return ready > 0 ? lines : -1;
}

static int join(const struct server* server, const char* nick) {
  char hello[128] = "";
  if (strcmp(server->protocol, "chat") == 0) snprintf(hello, sizeof hello, "%s\n", nick);
  if (strcmp(server->protocol, "irc") == 0)
    snprintf(hello, sizeof hello, "NICK %s\r\nUSER %s 0 * :%s\r\nJOIN #room\r\n", nick, nick, nick);
  const int on = 1, peer = connect_to(server->port, SOCK_STREAM);
  setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  send_all(peer, hello, strlen(hello));
  return peer;
}

// Everybody comes in and reads what is said about the others, until it is quiet.
static void gather(struct server* server, int members) {
  server->members = epoll_create1(EPOLL_CLOEXEC);
  if (server->members < 0) fail("epoll_create1");
  for (int i = 0; i < members; ++i) {
    char nick[16];
    snprintf(nick, sizeof nick, "m%d", i);
    const int peer = join(server, nick);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = peer};
    if (epoll_ctl(server->members, EPOLL_CTL_ADD, peer, &event) < 0) fail("epoll_ctl");
    while (receive_some(server, 0) >= 0) continue;
  }
  server->sender = join(server, "sender");
  while (receive_some(server, 1000) >= 0) continue;
}

// The sender's own socket: what it is told is thrown away.
static void drain_sender(const struct server* server) {
  while (recv(server->sender, receiving, sizeof receiving, MSG_DONTWAIT) > 0) continue;
}

static void prepare_lines(const struct server* server, int lines) {
  char line[line_size + 32] = "";
  const int is_irc = strcmp(server->protocol, "irc") == 0;
  char text[line_size];
  memset(text, 'x', sizeof text);
  const int size = snprintf(line, sizeof line, "%s%.*s%s", is_irc ? "PRIVMSG #room :" : "",
                            line_size - 1, text, is_irc ? "\r\n" : "\n");
  for (int i = 0; i < lines; ++i) memcpy(sending + i * size, line, (size_t)size);
  sending_size = (size_t)(lines * size);
}

// Sends in pieces, and reads in between: a server may stop reading from us while members are full.
static void say_and_hear(const struct server* server, long deliveries) {
  size_t sent = 0;
  while (deliveries > 0) {
    if (sent < sending_size) {
      const ssize_t part =
          send(server->sender, sending + sent, sending_size - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (part < 0 && errno != EAGAIN && errno != EINTR) fail("send");
      if (part > 0) sent += (size_t)part;
    }
    const long got = receive_some(server, sent < sending_size ? 1 : 10000);
    if (got < 0 && sent == sending_size) {
      fprintf(stderr, "%s: %ld deliveries are missing\n", server->name, deliveries);
      exit(1);
    }
    if (got > 0) deliveries -= got;
  }
  drain_sender(server);
}

static void load(struct server* server, int round, int members, int lines, double microseconds) {
  long delivered = 0;
  prepare_lines(server, lines);
  const double cpu = now(server->clock), begin = now(CLOCK_MONOTONIC);
  do {
    say_and_hear(server, (long)members * lines);
    delivered += (long)members * lines;
  } while (now(CLOCK_MONOTONIC) < begin + microseconds);
  server->rate[round] = (double)delivered / (now(CLOCK_MONOTONIC) - begin) * 1e6;
  server->cost[round] = (now(server->clock) - cpu) / (double)delivered;
  server->delivered += delivered;
}

static void report(const struct server* server, const struct server* first, int rounds) {
  const struct scatter scatter = scatter_of(server->rate, first->rate, rounds);
  printf("  %-10s %10.0f lines/s %6.2f (%.2f to %.2f) %8.3f us %6.2f %12ld delivered\n",
         server->name, median(server->rate, rounds),
         median(server->rate, rounds) / median(first->rate, rounds), scatter.lowest,
         scatter.highest, median(server->cost, rounds),
         median(server->cost, rounds) / median(first->cost, rounds), server->delivered);
}

int main(int count, char** words) {
  static struct server servers[most_servers];
  const int many = count - 5;
  if (many < 1 || many > most_servers) {
    fprintf(stderr,
            "usage: fanout_load MEMBERS LINES ROUNDS MILLISECONDS "
            "NAME:PROTOCOL:PID:PORT...\n");
    return 2;
  }
  const int members = atoi(words[1]), lines = atoi(words[2]), rounds = atoi(words[3]);
  if (members < 1 || lines < 1 || lines > most_lines) return 2;
  if (rounds < 1 || rounds > most_rounds) return 2;
  struct rlimit descriptors;
  getrlimit(RLIMIT_NOFILE, &descriptors);
  descriptors.rlim_cur = descriptors.rlim_max;
  setrlimit(RLIMIT_NOFILE, &descriptors);
  for (int i = 0; i < many; ++i) {
    struct server* const server = &servers[i];
    int pid = 0;
    if (sscanf(words[5 + i], "%31[^:]:%7[^:]:%d:%d", server->name, server->protocol, &pid,
               &server->port) != 4)
      return 2;
    server->clock = clock_of(pid);
    gather(server, members);
    prepare_lines(server, 1);
    say_and_hear(server, members);  // everybody is really there
    while (receive_some(server, 300) >= 0) continue;
  }
  for (int round = 0; round < rounds; ++round)
    for (int turn = 0; turn < many; ++turn)  // a different one begins each round
      load(&servers[(round + turn) % many], round, members, lines, atof(words[4]) * 1000);
  for (int i = 0; i < many; ++i) report(&servers[i], &servers[0], rounds);
  return 0;
}
