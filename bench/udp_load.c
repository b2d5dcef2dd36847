// SPDX-License-Identifier: MIT
//
// Usage: udp_load SIZE ROUNDS MILLISECONDS NAME:PID:PORT...
//
// Loads datagram echo servers on 127.0.0.1, one after another in every round, and tells what
// processor time a datagram cost each: 10 sockets with 16 datagrams in flight each. What is lost is
// sent again when nothing has come for 50 ms; lost ones are told. The first server is the floor of
// the ratios. Prints a line for each: median CPU a datagram, its ratio, the scatter of single
// rounds.
//
// Not a measure of speed or latency: everybody shares the machine with this.
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"

enum { sockets = 10, in_flight = 16, most_servers = 8, most_size = 65507 };

struct server {
  char name[32];
  clockid_t clock;
  int port;
  double cost[most_rounds];  // microseconds a datagram
  long answered, lost;
};

static char sending[most_size];
static char receiving[in_flight][most_size];

static void send_many(int udp, size_t size, int count) {
  struct iovec bytes = {sending, size};
  struct mmsghdr messages[in_flight];
  memset(messages, 0, sizeof messages);
  for (int i = 0; i < count; ++i) {
    messages[i].msg_hdr.msg_iov = &bytes;
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  if (sendmmsg(udp, messages, (unsigned)count, 0) < 0 && errno != EAGAIN && errno != ENOBUFS)
    fail("sendmmsg");
}

// How many answers are there; each must be as long as what was sent.
static int receive_many(int udp, size_t size) {
  struct iovec bytes[in_flight];
  struct mmsghdr messages[in_flight];
  memset(messages, 0, sizeof messages);
  for (int i = 0; i < in_flight; ++i) {
    bytes[i] = (struct iovec){receiving[i], most_size};
    messages[i].msg_hdr.msg_iov = &bytes[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  const int count = recvmmsg(udp, messages, in_flight, 0, NULL);
  if (count < 0 && errno != EAGAIN) fail("recvmmsg");
  for (int i = 0; i < count; ++i)
    if (messages[i].msg_len != size) {
      fprintf(stderr, "an answer of %u bytes\n", messages[i].msg_len);
      exit(1);
    }
  return count < 0 ? 0 : count;
}

static void load(struct server* server, int round, size_t size, double microseconds) {
  struct pollfd entries[sockets];
  int missing[sockets];
  long answered = 0;
  for (int i = 0; i < sockets; ++i) {
    entries[i] = (struct pollfd){connect_to(server->port, SOCK_DGRAM | SOCK_NONBLOCK), POLLIN, 0};
    missing[i] = in_flight;
    send_many(entries[i].fd, size, in_flight);
  }
  const double cpu_before = now(server->clock);
  for (const double end = now(CLOCK_MONOTONIC) + microseconds; now(CLOCK_MONOTONIC) < end;) {
    const int ready = poll(entries, sockets, 50);
    if (ready < 0 && errno != EINTR) fail("poll");
    for (int i = 0; i < sockets; ++i) {
      if (ready == 0) {
        server->lost += missing[i];
        send_many(entries[i].fd, size, in_flight);
        missing[i] = in_flight;
      } else if (entries[i].revents != 0) {
        const int count = receive_many(entries[i].fd, size);
        answered += count;
        if (count > 0) send_many(entries[i].fd, size, count);
      }
    }
  }
  server->cost[round] = (now(server->clock) - cpu_before) / (double)(answered > 0 ? answered : 1);
  server->answered += answered;
  for (int i = 0; i < sockets; ++i) close(entries[i].fd);
  usleep(20000);  // what is still under way is not charged to the next round
}

static void report(const struct server* server, const struct server* floor, int rounds) {
  const struct scatter scatter = scatter_of(server->cost, floor->cost, rounds);
  printf("  %-22s %6.2f us %7.2f   %.2f to %.2f %12ld answers, %ld lost\n", server->name,
         median(server->cost, rounds), median(server->cost, rounds) / median(floor->cost, rounds),
         scatter.lowest, scatter.highest, server->answered, server->lost);
}

int main(int count, char** words) {
  static struct server servers[most_servers];
  const int many = count - 4;
  if (many < 1 || many > most_servers) {
    fprintf(stderr, "usage: udp_load SIZE ROUNDS MILLISECONDS NAME:PID:PORT...\n");
    return 2;
  }
  const size_t size = strtoul(words[1], NULL, 10);
  const int rounds = atoi(words[2]);
  if (size > most_size || rounds < 1 || rounds > most_rounds) return 2;
  memset(sending, 'x', sizeof sending);
  for (int i = 0; i < many; ++i) {
    int pid = 0;
    if (sscanf(words[4 + i], "%31[^:]:%d:%d", servers[i].name, &pid, &servers[i].port) != 3)
      return 2;
    servers[i].clock = clock_of(pid);
  }
  for (int round = 0; round < rounds; ++round)
    for (int turn = 0; turn < many; ++turn)  // a different one begins each round
      load(&servers[(round + turn) % many], round, size, atof(words[3]) * 1000);
  for (int i = 0; i < many; ++i) report(&servers[i], &servers[0], rounds);
  return 0;
}
