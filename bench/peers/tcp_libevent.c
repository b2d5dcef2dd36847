// SPDX-License-Identifier: MIT
//
// A TCP echo server on libevent's bufferevents, in the manner of its book: what has come in is
// moved to what goes out, without a copy, and the library reads and writes. Nothing bounds what a
// peer that does not read makes it keep. To be measured beside ours.
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static void on_bytes(struct bufferevent* peer, void* context) {
  (void)context;
  if (evbuffer_add_buffer(bufferevent_get_output(peer), bufferevent_get_input(peer)) != 0)
    bufferevent_free(peer);
}

static void on_end(struct bufferevent* peer, short events, void* context) {
  (void)context;
  if ((events & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) != 0) bufferevent_free(peer);
}

static void on_connection(struct evconnlistener* listener, evutil_socket_t descriptor,
                          struct sockaddr* address, int length, void* context) {
  (void)address, (void)length, (void)context;
  const int yes = 1;
  (void)setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  struct bufferevent* const peer =
      bufferevent_socket_new(evconnlistener_get_base(listener), descriptor, BEV_OPT_CLOSE_ON_FREE);
  if (peer == NULL) {
    evutil_closesocket(descriptor);
    return;
  }
  bufferevent_setcb(peer, on_bytes, NULL, on_end, NULL);
  bufferevent_enable(peer, EV_READ | EV_WRITE);
}

int main(void) {
  signal(SIGPIPE, SIG_IGN);
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t length = sizeof at;
  struct event_base* const base = event_base_new();
  if (base == NULL) return 1;
  struct evconnlistener* const listener =
      evconnlistener_new_bind(base, on_connection, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE,
                              SOMAXCONN, (struct sockaddr*)&at, sizeof at);
  if (listener == NULL ||
      getsockname(evconnlistener_get_fd(listener), (struct sockaddr*)&at, &length) != 0)
    return 1;
  fprintf(stderr, "listening on tcp://127.0.0.1:%d (libevent)\n", ntohs(at.sin_port));
  return event_base_dispatch(base) == 0 ? 0 : 1;
}
