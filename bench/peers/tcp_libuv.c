// SPDX-License-Identifier: MIT
//
// A TCP echo server on libuv, in the manner of its guide: a buffer for each read, given back when
// it has been written. Nothing bounds what a peer that does not read makes it keep. To be measured
// beside ours.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

struct writing {
  uv_write_t request;  // first, so that one is found from the other
  uv_buf_t bytes;
};

static void freed(uv_handle_t* peer) { free(peer); }

static void close_once(uv_handle_t* peer) {
  if (!uv_is_closing(peer)) uv_close(peer, freed);
}

static void allocate(uv_handle_t* peer, size_t suggested, uv_buf_t* buffer) {
  (void)peer;
  buffer->base = malloc(suggested);
  buffer->len = buffer->base == NULL ? 0 : suggested;
}

static void written(uv_write_t* request, int status) {
  struct writing* const writing = (struct writing*)request;
  if (status < 0) close_once((uv_handle_t*)request->handle);
  free(writing->bytes.base);
  free(writing);
}

static void received(uv_stream_t* peer, ssize_t size, const uv_buf_t* buffer) {
  if (size <= 0) {
    free(buffer->base);
    if (size < 0) close_once((uv_handle_t*)peer);  // 0 is EAGAIN
    return;
  }
  struct writing* const writing = malloc(sizeof *writing);
  if (writing == NULL) abort();
  writing->bytes = uv_buf_init(buffer->base, (unsigned)size);
  if (uv_write(&writing->request, peer, &writing->bytes, 1, written) != 0) abort();
}

static void arrived(uv_stream_t* listening, int status) {
  if (status < 0) return;
  uv_tcp_t* const peer = malloc(sizeof *peer);
  if (peer == NULL || uv_tcp_init(listening->loop, peer) != 0) abort();
  if (uv_accept(listening, (uv_stream_t*)peer) != 0) {
    uv_close((uv_handle_t*)peer, freed);
    return;
  }
  (void)uv_tcp_nodelay(peer, 1);
  if (uv_read_start((uv_stream_t*)peer, allocate, received) != 0)
    uv_close((uv_handle_t*)peer, freed);
}

int main(void) {
  signal(SIGPIPE, SIG_IGN);
  uv_tcp_t listening;
  struct sockaddr_in at;
  int length = sizeof at;
  uv_loop_t* const loop = uv_default_loop();
  if (uv_ip4_addr("127.0.0.1", 0, &at) != 0 || uv_tcp_init(loop, &listening) != 0 ||
      uv_tcp_bind(&listening, (const struct sockaddr*)&at, 0) != 0 ||
      uv_listen((uv_stream_t*)&listening, SOMAXCONN, arrived) != 0 ||
      uv_tcp_getsockname(&listening, (struct sockaddr*)&at, &length) != 0)
    return 1;
  fprintf(stderr, "listening on tcp://127.0.0.1:%d (libuv)\n", ntohs(at.sin_port));
  return uv_run(loop, UV_RUN_DEFAULT);
}
