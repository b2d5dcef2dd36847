// SPDX-License-Identifier: MIT
//
// What the loads in C have in common: how they end, the clocks they read, how they come to a server
// on 127.0.0.1, and the line that says how its rounds went. Included once a program.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "median.h"

static _Noreturn void fail(const char* what) {
  perror(what);
  exit(1);
}

// Microseconds.
static double now(clockid_t clock) {
  struct timespec time;
  if (clock_gettime(clock, &time) != 0) fail("clock_gettime");
  return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

// The processor time of a server.
static clockid_t clock_of(int pid) {
  clockid_t clock;
  if (clock_getcpuclockid(pid, &clock) != 0) fail("clock_getcpuclockid");
  return clock;
}

// `type` as for socket(2).
static int connect_to(int port, int type) {
  const struct sockaddr_in to = {.sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)port),
                                 .sin_addr = {htonl(INADDR_LOOPBACK)}};
  const int peer = socket(AF_INET, type | SOCK_CLOEXEC, 0);
  if (peer < 0) fail("socket");
  if (connect(peer, (const struct sockaddr*)&to, sizeof to) < 0) fail("connect");
  return peer;
}

struct scatter {
  double lowest, highest;
};

// Of single rounds, as ratios to those of the first server.
static struct scatter scatter_of(const double* values, const double* first, int rounds) {
  struct scatter scatter = {values[0] / first[0], values[0] / first[0]};
  for (int round = 1; round < rounds; ++round) {
    const double ratio = values[round] / first[round];
    if (ratio < scatter.lowest) scatter.lowest = ratio;
    if (ratio > scatter.highest) scatter.highest = ratio;
  }
  return scatter;
}
