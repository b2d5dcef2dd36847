// SPDX-License-Identifier: MIT
//
// The floor of process: a child for every connection, which reads and writes and waits in both.
// Children are reaped by the kernel (SIGCHLD ignored), and end when their peer does.
#define _GNU_SOURCE
#include <signal.h>
#include <sys/prctl.h>

#include "listening.h"

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

static void echo(int peer) {
  static char buffer[buffer_size];
  for (;;) {
    const ssize_t size = recv(peer, buffer, buffer_size, 0);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0 || !send_all(peer, buffer, (size_t)size)) return;
  }
}

int main(int count, char** arguments) {
  const int listening = listen_at(count > 1 ? arguments[1] : NULL, 0, "floor process");
  signal(SIGCHLD, SIG_IGN);
  const pid_t server = getpid();
  for (;;) {
    const int peer = accept_next(listening, 0);
    if (peer < 0) continue;
    const pid_t child = fork();
    if (child == 0) {
      (void)prctl(PR_SET_PDEATHSIG, SIGTERM);  // whoever stops the server stops its children
      if (getppid() != server) _exit(0);
      close(listening);
      echo(peer);
      _exit(0);
    }
    close(peer);  // the child's now; without a child (EAGAIN, ENOMEM) that peer is refused
  }
}
