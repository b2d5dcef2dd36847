// SPDX-License-Identifier: MIT
//
// The floor of io_uring: the thinnest correct echo server that it allows. What headrace costs is
// told as a multiple of what this one costs.
//
// One thread, one ring, one io_uring_enter a batch: multishot accept, multishot receive into a ring
// of provided buffers, a send of the same buffer, which goes back when it has been sent. A peer
// that does not read its echo is not read either: with two buffers waiting its receive is
// cancelled, and asked for again when they are gone. Without buffers (ENOBUFS) a receive is asked
// for again at the end of the batch, in turn.
#define _GNU_SOURCE
#include <liburing.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#include "listening.h"

enum {
  most_descriptors = 1 << 20,
  buffers = 256,
  size_of_one = 16 * 1024,
  none = -1,
};
enum { of_accept, of_receive, of_send, of_nobody };  // the lowest bits of user_data

struct peer {
  int first, last;  // buffers to be sent back; `first` is with the kernel while `sending`
  unsigned offset;  // of what is left of the first
  bool open, receiving, stopping, sending, ended, starved;
};

static struct io_uring ring;
static struct io_uring_buf_ring* provided;
static char* memory;
static int next_of[buffers], size_of[buffers];
static int added, in_ring;
static struct peer peers[most_descriptors];  // pages never touched cost nothing
static int starved[most_descriptors];        // a queue: receives that found no buffer
static unsigned starved_first, starved_end;

static struct io_uring_sqe* next_request(void) {
  struct io_uring_sqe* one;
  while ((one = io_uring_get_sqe(&ring)) == NULL) io_uring_submit(&ring);
  return one;
}

static unsigned long long name(int descriptor, int kind) {
  return (unsigned long long)descriptor << 2 | (unsigned)kind;
}

static void ask_accept(int listening) {
  struct io_uring_sqe* one = next_request();
  io_uring_prep_multishot_accept(one, listening, NULL, NULL, SOCK_CLOEXEC);
  io_uring_sqe_set_data64(one, name(listening, of_accept));
}

static void ask_receive(int peer) {
  struct io_uring_sqe* one = next_request();
  io_uring_prep_recv_multishot(one, peer, NULL, 0, 0);
  one->flags |= IOSQE_BUFFER_SELECT;
  io_uring_sqe_set_data64(one, name(peer, of_receive));
  peers[peer].receiving = true;
}

static void send_first(int peer) {
  struct peer* p = &peers[peer];
  const int id = p->first;
  struct io_uring_sqe* one = next_request();
  io_uring_prep_send(one, peer, memory + (size_t)id * size_of_one + p->offset,
                     (size_t)size_of[id] - p->offset, MSG_NOSIGNAL);
  io_uring_sqe_set_data64(one, name(peer, of_send));
  p->sending = true;
}

static void give_back(int id) {
  io_uring_buf_ring_add(provided, memory + (size_t)id * size_of_one, size_of_one,
                        (unsigned short)id, buffers - 1, added++);
}

static void drop_first(struct peer* p) {
  const int id = p->first;
  p->first = id == p->last ? none : next_of[id];
  p->offset = 0;
  give_back(id);
}

// Closed once the kernel has nothing of it any more.
static void end(int peer) {
  struct peer* p = &peers[peer];
  if (p->sending || p->receiving || !p->open) return;
  while (p->first != none) drop_first(p);
  p->open = p->starved = false;
  close(peer);
}

static void stop(int peer) {
  if (peers[peer].stopping || !peers[peer].receiving) return;
  struct io_uring_sqe* one = next_request();
  io_uring_prep_cancel64(one, name(peer, of_receive), 0);
  io_uring_sqe_set_data64(one, of_nobody);
  peers[peer].stopping = true;
}

static void on_accept(int listening, int answer, unsigned flags) {
  if (answer >= 0) {
    const int yes = 1;
    (void)setsockopt(answer, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);  // it may be gone already
    if (answer >= most_descriptors) {
      close(answer);  // refused, as one does without room
    } else {
      peers[answer] = (struct peer){.first = none, .last = none, .open = true};
      ask_receive(answer);
    }
  } else if (answer == -EMFILE || answer == -ENFILE || answer == -ENOBUFS || answer == -ENOMEM) {
    usleep(10000);  // it stays in the queue
  }
  if (!(flags & IORING_CQE_F_MORE)) ask_accept(listening);
}

static void on_received(int peer, int answer, unsigned flags) {
  struct peer* p = &peers[peer];
  if (!(flags & IORING_CQE_F_MORE)) p->receiving = p->stopping = false;
  if (flags & IORING_CQE_F_BUFFER) {
    const int id = (int)(flags >> IORING_CQE_BUFFER_SHIFT);
    --in_ring;
    if (answer <= 0 || p->ended) {
      give_back(id);
    } else {
      size_of[id] = answer;
      if (p->first == none)
        p->first = id;
      else
        next_of[p->last] = id;
      p->last = id;
      if (!p->sending)
        send_first(peer);
      else if (next_of[p->first] == id)
        stop(peer);
    }
  }
  if (p->receiving) return;
  if (answer == -ENOBUFS) {
    p->starved = true;
    starved[starved_end++ % most_descriptors] = peer;
  } else if (answer <= 0 && answer != -ECANCELED && answer != -EINTR) {
    p->ended = true;
  } else if (p->first == none && !p->ended) {
    ask_receive(peer);
  }
  if (p->ended && p->first == none) end(peer);
}

static void on_sent(int peer, int answer) {
  struct peer* p = &peers[peer];
  p->sending = false;
  if (answer < 0 && answer != -EINTR) {  // the peer is gone
    p->ended = true;
    stop(peer);
    return end(peer);
  }
  if (answer > 0) p->offset += (unsigned)answer;
  if (p->offset == (unsigned)size_of[p->first]) drop_first(p);
  if (p->first != none)
    send_first(peer);
  else if (p->ended)
    end(peer);
  else if (!p->receiving && !p->starved)
    ask_receive(peer);
}

static void end_batch(void) {
  io_uring_buf_ring_advance(provided, added);
  in_ring += added;
  added = 0;
  for (int left = in_ring; starved_first != starved_end && left > 0; --left) {
    const int peer = starved[starved_first++ % most_descriptors];
    if (peers[peer].starved) ask_receive(peer);
    peers[peer].starved = false;
  }
}

static void set_up(void) {
  struct io_uring_params parameters = {
      .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE,
      .cq_entries = 1024};
  int answer = io_uring_queue_init_params(256, &ring, &parameters);
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS;
  provided =
      mmap(NULL, buffers * sizeof(struct io_uring_buf), PROT_READ | PROT_WRITE, flags, -1, 0);
  memory = mmap(NULL, (size_t)buffers * size_of_one, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (provided == MAP_FAILED || memory == MAP_FAILED) fail("mmap");
  io_uring_buf_ring_init(provided);
  struct io_uring_buf_reg wanted = {.ring_addr = (unsigned long)provided, .ring_entries = buffers};
  if (answer == 0) answer = io_uring_register_buf_ring(&ring, &wanted, 0);
  if (answer < 0) {
    errno = -answer;
    fail("io_uring");
  }
  for (int id = 0; id < buffers; ++id) give_back(id);
  end_batch();
}

int main(int count, char** arguments) {
  set_up();
  const int listening = listen_at(count > 1 ? arguments[1] : NULL, 0, "floor io_uring");
  ask_accept(listening);
  for (;;) {
    (void)io_uring_submit_and_wait(&ring, 1);  // EINTR, EBUSY: what is there is looked at
    struct io_uring_cqe* completion;
    unsigned head, taken = 0;
    io_uring_for_each_cqe(&ring, head, completion) {
      const int descriptor = (int)(completion->user_data >> 2);
      ++taken;
      switch (completion->user_data & 3) {
        case of_receive:
          on_received(descriptor, completion->res, completion->flags);
          break;
        case of_send:
          on_sent(descriptor, completion->res);
          break;
        case of_accept:
          on_accept(descriptor, completion->res, completion->flags);
          break;
      }
    }
    io_uring_cq_advance(&ring, taken);
    end_batch();
  }
}
