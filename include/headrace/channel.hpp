// SPDX-License-Identifier: MIT
//
// Channel: a bounded queue between tasks, on one engine or across threads.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "headrace/operation.hpp"

namespace headrace {

namespace detail {

extern const OperationType channel_send_operation;
extern const OperationType channel_receive_operation;

/// How the untyped part of a Channel handles values.
struct ValueType {
  std::size_t size;
  std::size_t alignment;
  void (*move)(void* to,
               void* from) noexcept;  // constructs at `to`; `from` is left to be destroyed
  void (*destroy)(void* value) noexcept;
};

class ChannelCore;

/// The part of a Channel that does not know what it carries.
class ChannelHandle {
 public:
  ChannelHandle(const ValueType& type, std::size_t capacity);
  ChannelHandle(const ChannelHandle&) = delete;
  ChannelHandle& operator=(const ChannelHandle&) = delete;
  ~ChannelHandle();

  [[nodiscard]] Result<> try_send(void* value) noexcept;
  [[nodiscard]] Result<> try_receive(void* value) noexcept;
  void close() noexcept;
  [[nodiscard]] ChannelCore* core() const noexcept { return core_; }

 private:
  ChannelCore* core_;
};

template <class T>
struct ValueTypeOf {
  static void move(void* to, void* from) noexcept {
    std::construct_at(static_cast<T*>(to), std::move(*static_cast<T*>(from)));
  }
  static void destroy(void* value) noexcept { std::destroy_at(static_cast<T*>(value)); }
  static constexpr ValueType type{sizeof(T), alignof(T), move, destroy};
};

}  // namespace detail

/// A queue of at most `capacity` values, sent and received by any number of tasks on any engines,
/// in order.
///
/// The channel must outlive every task that uses it. Its operations are awaited like any other and
/// wait on the engine named in the call, which must be the engine of the calling task. The `try_`
/// members and `close` may be called from any thread. `T` must move without throwing.
template <class T>
class Channel {
  static_assert(std::is_nothrow_move_constructible_v<T>);

  template <class R>
  class [[nodiscard]] Wait {
   public:
    Wait(const detail::OperationType& what, Engine& engine, detail::ChannelCore* core,
         Deadline deadline) noexcept
        : node_{what, detail::own_record(engine), deadline} {
      node_.awaited = core;
      node_.value = &value_;
    }
    Wait(const Wait&) = delete;
    Wait& operator=(const Wait&) = delete;
    ~Wait() {
      if (full_) std::destroy_at(&value_);
    }
    void put(T&& value) noexcept {
      std::construct_at(&value_, std::move(value));
      full_ = true;
    }

    bool await_ready() noexcept { return detail::start(node_); }
    void await_suspend(std::coroutine_handle<> waiter) noexcept { node_.waiter = waiter.address(); }
    R await_resume() noexcept {
      if constexpr (std::is_same_v<R, Result<>>) {
        return detail::take<R>(node_);
      } else {
        if (node_.outcome != detail::Outcome::done) return std::unexpected(node_.failure);
        full_ = true;
        return std::move(value_);
      }
    }

   private:
    detail::WaitNode node_;
    union {
      T value_;
    };
    bool full_ = false;
  };

 public:
  /// `capacity` is at least 1: a full channel makes its senders wait.
  explicit Channel(std::size_t capacity) : handle_{detail::ValueTypeOf<T>::type, capacity} {}

  /// Completes when `value` is queued or handed to a waiting receiver. Failures: `broken_pipe`
  /// (closed), `timed_out`, `canceled`; the value is then destroyed.
  [[nodiscard]] auto send(Engine& engine, T value, Deadline deadline = Deadline::never()) noexcept {
    return Sending{*this, engine, std::move(value), deadline};
  }

  /// The oldest value. Failures: `end_of_stream` (closed and empty), `timed_out`, `canceled`.
  [[nodiscard]] auto receive(Engine& engine, Deadline deadline = Deadline::never()) noexcept {
    return Wait<Result<T>>{detail::channel_receive_operation, engine, handle_.core(), deadline};
  }

  /// Without waiting; `would_wait` when full, `broken_pipe` when closed. `value` is moved from only
  /// on success.
  [[nodiscard]] Result<> try_send(T&& value) noexcept { return handle_.try_send(&value); }

  /// Without waiting; `would_wait` when empty, `end_of_stream` when closed and empty.
  [[nodiscard]] Result<T> try_receive() noexcept;

  /// No more values can be sent; what is queued can still be received. Wakes everybody who waits.
  /// May be repeated.
  void close() noexcept { handle_.close(); }

 private:
  class Sending : public Wait<Result<>> {
   public:
    Sending(Channel& channel, Engine& engine, T&& value, Deadline deadline) noexcept
        : Wait<Result<>>{detail::channel_send_operation, engine, channel.handle_.core(), deadline} {
      this->put(std::move(value));
    }
  };

  detail::ChannelHandle handle_;
};

template <class T>
Result<T> Channel<T>::try_receive() noexcept {
  union Space {
    Space() noexcept {}
    ~Space() {}
    T value;
  } space;
  if (const Result<> received = handle_.try_receive(&space.value); !received)
    return std::unexpected(received.error());
  Result<T> result{std::move(space.value)};
  std::destroy_at(&space.value);
  return result;
}

}  // namespace headrace
