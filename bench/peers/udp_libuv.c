// SPDX-License-Identifier: MIT
//
// A datagram echo server as libuv's guide writes them: a buffer for each datagram, given back when
// its answer has gone out. To be measured beside ours.
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

struct answer {
  uv_udp_send_t request;
  char* bytes;
};

static void allocate(uv_handle_t* socket, size_t suggested, uv_buf_t* buffer) {
  (void)socket;
  *buffer = uv_buf_init(malloc(suggested), (unsigned)suggested);
}

static void sent(uv_udp_send_t* request, int status) {
  (void)status;  // what cannot be sent back is lost, as on any network
  struct answer* const answer = (struct answer*)request;
  free(answer->bytes);
  free(answer);
}

static void received(uv_udp_t* socket, ssize_t size, const uv_buf_t* buffer,
                     const struct sockaddr* sender, unsigned flags) {
  (void)flags;
  if (size < 0 || sender == NULL) {
    free(buffer->base);
    return;
  }
  struct answer* const answer = malloc(sizeof *answer);
  if (answer == NULL) abort();
  answer->bytes = buffer->base;
  const uv_buf_t bytes = uv_buf_init(buffer->base, (unsigned)size);
  if (uv_udp_send(&answer->request, socket, &bytes, 1, sender, sent) != 0)
    sent(&answer->request, 0);
}

int main(void) {
  uv_udp_t socket;
  struct sockaddr_in at;
  int length = sizeof at;
  uv_loop_t* const loop = uv_default_loop();
  if (uv_ip4_addr("127.0.0.1", 0, &at) != 0 || uv_udp_init(loop, &socket) != 0 ||
      uv_udp_bind(&socket, (const struct sockaddr*)&at, 0) != 0 ||
      uv_udp_getsockname(&socket, (struct sockaddr*)&at, &length) != 0 ||
      uv_udp_recv_start(&socket, allocate, received) != 0)
    return 1;
  fprintf(stderr, "listening on udp://127.0.0.1:%d (libuv)\n", ntohs(at.sin_port));
  return uv_run(loop, UV_RUN_DEFAULT);
}
