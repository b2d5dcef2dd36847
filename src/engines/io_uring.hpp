// SPDX-License-Identifier: MIT
//
// The io_uring engine as its own files and tests see it. What it does is told in io_uring.cpp.
#pragma once

#include <cassert>
#include <memory>
#include <vector>

#include "engines/io_uring_buffers.hpp"
#include "engines/readiness_engine.hpp"
#include "net/ring.hpp"

namespace headrace::detail {

class IoUringEngine final : public ReadinessEngine {
 public:
  IoUringEngine() noexcept : buffers_{ring_} {}
  ~IoUringEngine() override;
  Result<> open(const net::RingSizes& sizes) noexcept;

  [[nodiscard]] EngineKind kind() const noexcept override { return EngineKind::io_uring; }
  bool start(Operation& operation) noexcept override;
  bool start_receive(Operation& operation) noexcept override { return start(operation); }
  bool start_send(Operation& operation) noexcept override { return start(operation); }

 private:
  /// What a completion is about: the lowest bits of its `user_data`. Above them stands the address
  /// of the record, and in the highest 16 its generation.
  enum class Of : std::uint8_t { receive, send, accept, poll_read, poll_write, nobody = 7 };
  static constexpr unsigned kGenerationShift = 48;
  struct Unclaimed {
    SocketRecord* listener;
    int descriptor;
  };

  // Registering, waiting (io_uring.cpp).
  Result<> watch(SocketRecord& socket) noexcept override;
  void unwatch(SocketRecord& socket) noexcept override;
  Result<> arm(SocketRecord& socket, WaitFor direction) noexcept override;
  void wait(int timeout_ms) noexcept override;
  void dispatch() noexcept override;
  void release(SocketRecord& socket) noexcept override;
  void on_completion(const io_uring_cqe& completion) noexcept;
  [[gnu::cold, gnu::noinline]] void on_stale(const io_uring_cqe& completion) noexcept;
  [[gnu::noinline]] void on_polled(SocketRecord& socket, unsigned direction) noexcept;
  void keep_watch(SocketRecord& socket, unsigned direction) noexcept;
  void let_go(SocketRecord& socket) noexcept;
  bool ask_to_stop(const SocketRecord& socket, Of what) noexcept;
  void take_back_all() noexcept;
  [[nodiscard]] static std::uint64_t tag(const SocketRecord& socket, Of what) noexcept {
    return std::uint64_t{socket.ring.generation} << kGenerationShift |
           reinterpret_cast<std::uintptr_t>(&socket) | static_cast<std::uint64_t>(what);
  }

  // The life of an operation that the kernel carries out (io_uring_operations.cpp).
  [[nodiscard]] static bool is_carried(const Operation& operation) noexcept;
  void note_waiting(Operation& operation, SocketRecord& socket, unsigned direction) noexcept {
    assert(socket.waiting[direction] == nullptr && "one receive and one send at a time");
    socket.waiting[direction] = &operation;
    operation.task = current_;
    current_->waiting = &operation;
  }
  [[nodiscard]] bool needs_no_timer(const Operation& operation,
                                    const SocketRecord& socket) const noexcept {
    return operation.deadline.is_never() && socket.timer.due <= idle_due_;
  }
  bool start_send(Operation& operation, SocketRecord& socket) noexcept;
  [[gnu::cold, gnu::noinline]] bool begin_send(Operation& operation, SocketRecord& socket) noexcept;
  static void fill_send(io_uring_sqe& request, Operation& operation, SocketRecord& socket) noexcept;
  [[gnu::cold, gnu::noinline]] bool start_unusual(Operation& operation,
                                                  SocketRecord& socket) noexcept;
  Result<> wait_on_socket(Operation& operation) noexcept override;
  void look_again(Operation& operation) noexcept override;
  void try_for_the_last_time(SocketRecord& socket, unsigned direction) noexcept override;
  [[gnu::noinline]] bool begin_reading(Operation& operation, SocketRecord& socket) noexcept;
  void submit_send(Operation& operation, SocketRecord& socket) noexcept;
  void submit_reading(Operation& operation, SocketRecord& socket) noexcept;
  void stop_reading(SocketRecord& socket) noexcept;
  void stop_sending(SocketRecord& socket) noexcept;
  void finish_waiting(Operation& operation, SocketRecord& socket, std::int64_t answer) noexcept;
  void end_reading(SocketRecord& socket) noexcept;
  void on_sent(SocketRecord& socket, int answer) noexcept;
  [[gnu::cold, gnu::noinline]] void on_unusual_send(SocketRecord& socket, int answer) noexcept;
  [[gnu::noinline]] void send_rest(SocketRecord& socket, bool stopped) noexcept;

  // What comes in, awaited or not (io_uring_reading.cpp).
  void on_received(SocketRecord& socket, const io_uring_cqe& completion) noexcept;
  [[gnu::noinline]] void on_unusual_receive(SocketRecord& socket,
                                            const io_uring_cqe& completion) noexcept;
  void on_no_bytes(SocketRecord& socket, int answer, bool many) noexcept;
  bool read_anew(SocketRecord& socket, int answer, net::RingFeature way, bool many) noexcept;
  [[nodiscard]] bool may_be_for_many(const SocketRecord& socket) const noexcept;
  [[gnu::noinline]] void on_accepted(SocketRecord& socket, const io_uring_cqe& completion) noexcept;
  [[nodiscard]] bool has_something(const Operation& operation, const SocketRecord& socket) noexcept;
  std::int64_t take_something(Operation& operation, SocketRecord& socket) noexcept;
  void hold(SocketRecord& socket, BufferBlock* block, std::uint32_t size) noexcept;
  void drop_unread(SocketRecord& socket) noexcept;
  void drop_unclaimed(const SocketRecord& listener) noexcept;
  void starve(SocketRecord& socket) noexcept;
  void feed_starved() noexcept;

  net::Ring ring_;
  RingBuffers buffers_;
  std::uint16_t generation_ = 0;
  std::vector<Unclaimed> unclaimed_;  // accepted before anybody asked
  Operation* starved_ = nullptr;      // receives that have found no buffer, in their order
  Operation** starved_end_ = &starved_;
};

/// How the io_uring engines of this process are made from now on, for tests.
void set_ring_sizes(const net::RingSizes& sizes) noexcept;

}  // namespace headrace::detail
