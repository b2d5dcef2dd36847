// SPDX-License-Identifier: MIT
//
// The simulated kernel's side of an io_uring(7): requests that wait, and completions that are due.
// What the kernel may do to a request happens by chance: it is looked at before or after others,
// one for many ends early, a cancel comes late, a send is short, a try is given up with EAGAIN,
// completions do not fit and are kept back. Not here: the memory that the engine sees
// (simulated_ring.cpp), its buffers (offered_buffers.hpp).
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include <liburing.h>

#include "kernel.hpp"
#include "offered_buffers.hpp"

namespace headrace::simulation {

class Requests {
 public:
  /// `queue` has its memory, and room for `buffers` in its ring of them.
  Requests(Kernel& kernel, io_uring& queue, io_uring_buf_ring& ring, unsigned buffers)
      : kernel_{kernel}, queue_{queue}, buffers_{kernel, ring, buffers} {}
  Requests(const Requests&) = delete;
  Requests& operator=(const Requests&) = delete;
  ~Requests();

  /// Takes what was submitted. 0; or a negative errno, and then some or all of it waits for another
  /// time.
  int submit();
  /// Carries out what can be; 1 when there is a completion to be taken, else 0.
  int look();

 private:
  struct Request {
    io_uring_sqe what;
    File* file;
    bool cancelled = false;
    bool tried = false;
    bool ended = false;
  };
  enum class Turn : std::uint8_t { waits, goes_on, ended };

  void begin(const io_uring_sqe& what);
  void cancel(const io_uring_sqe& what);
  bool look_at(bool everybody);
  void carry_out_often(Request& request);
  Turn carry_out(Request& request);
  Turn receive(const Request& request);
  Turn accept(const Request& request);
  Turn send(Request& request);
  Turn poll(const Request& request);
  Turn end(const Request& request, int answer, unsigned flags = 0);
  /// The same for a receive that brings nothing; perhaps it had taken a buffer for it.
  Turn end_empty(const Request& request, int answer);
  void complete(std::uint64_t about, int answer, unsigned flags);
  void show();
  [[nodiscard]] unsigned room() const noexcept;
  void judge_name(std::uint64_t about);
  void count_records() noexcept;

  Kernel& kernel_;
  io_uring& queue_;
  OfferedBuffers buffers_;
  std::vector<Request> waiting_;
  std::deque<io_uring_cqe> kept_back_;
  unsigned spared_ = 0;  // so many submissions find memory

  // What is seen of the engine's records: the addresses that it names, and how many it can need.
  std::vector<std::uint64_t> records_;  // every one there ever was, sorted
  std::size_t most_records_ = 0;        // at once, with those that the batch may still name
  unsigned taken_ = 0;                  // completions, when the batch began
  std::uint64_t closed_before_ = 0, closed_long_before_ = 0;  // descriptors, one batch ago and two
};

}  // namespace headrace::simulation
