// SPDX-License-Identifier: MIT
//
// The floor of datagrams: the textbook loop. Receive one with recvfrom(2), which sleeps until there
// is one; send it back with sendto(2). No batches, no checks of who asks: not for a real network.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

static char buffer[64 * 1024];

static _Noreturn void fail(const char* call) {
  perror(call);
  exit(1);
}

int main(void) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t length = sizeof at;
  const int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (udp < 0) fail("socket");
  if (bind(udp, (struct sockaddr*)&at, length) < 0) fail("bind");
  if (getsockname(udp, (struct sockaddr*)&at, &length) < 0) fail("getsockname");
  fprintf(stderr, "listening on udp://127.0.0.1:%d (recvfrom, sendto)\n", ntohs(at.sin_port));
  for (;;) {
    struct sockaddr_in sender;
    length = sizeof sender;
    const ssize_t size =
        recvfrom(udp, buffer, sizeof buffer, 0, (struct sockaddr*)&sender, &length);
    if (size < 0 && errno != EINTR) fail("recvfrom");
    if (size >= 0)  // what cannot be sent back is lost, as on any network
      (void)sendto(udp, buffer, (size_t)size, MSG_NOSIGNAL, (struct sockaddr*)&sender, length);
  }
}
