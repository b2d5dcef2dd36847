// SPDX-License-Identifier: MIT
//
// Task: a coroutine that is awaited by another, or given to a TaskScope.
//
// A child is started inside its parent's await_suspend, which then says whether to suspend at all.
// So a loop that awaits children which never wait uses no stack and needs no tail call
// (docs/adr/0005-no-symmetric-transfer.md).
#pragma once

#include <coroutine>
#include <exception>
#include <memory>
#include <utility>

namespace headrace {

class TaskScope;
template <class T>
class Task;

namespace detail {

struct Operation;

/// What the engine knows of a whole task: kept in its outermost frame, the root. Unused in the
/// frames below.
struct TaskState {
  Operation* waiting = nullptr;  // the one operation the task is suspended in
  TaskScope* scope = nullptr;    // null: not a root
  TaskScope* scopes = nullptr;   // made by this task: what cancels it cancels theirs
  TaskState* next = nullptr;     // the other tasks of the scope
  TaskState* previous = nullptr;
  // Written by other threads too, so read and written as atomic: <atomic> here would be a tenth of
  // what the headers cost to compile.
  bool canceled = false;   // sticky: every operation started from now on fails with `canceled`
  bool in_kernel = false;  // blocking engines: its thread may be asleep in a system call
};

/// Ends a root: destroys `frame` (which closes the sockets it holds), then tells the scope.
void finish_root(TaskState& state, std::coroutine_handle<> frame) noexcept;

/// Ends the program with a message: the compiler has laid out a coroutine's frame wrongly.
[[noreturn]] void refuse_frame() noexcept;

struct PromiseBase : TaskState {
  std::coroutine_handle<>
      parent{};  // set once the child came back unfinished; null while it runs in line

  struct Finish {
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> frame) const noexcept {
      PromiseBase& promise = frame.promise();
      // Nothing here may touch the frame after either call: both may destroy it.
      if (promise.parent) return promise.parent.resume();
      if (promise.scope != nullptr) finish_root(promise, frame);
    }
    void await_resume() const noexcept {}
  };

  // GCC 12 misplaces the promise in the frame of some coroutines that await in a condition and
  // declare no variable; resuming such a frame would jump anywhere. Declaring a variable avoids it.
  // So each promise says where it is, in a field that it has no use for yet.
  struct Begin {
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> frame) const noexcept {
      PromiseBase& promise = frame.promise();
      if (promise.parent.address() != &promise) [[unlikely]]
        refuse_frame();
      promise.parent = nullptr;
    }
    void await_resume() const noexcept {}
  };

  Begin initial_suspend() noexcept {
    parent = std::coroutine_handle<>::from_address(this);
    return {};
  }
  Finish final_suspend() const noexcept { return {}; }
  /// Exceptions are for programming errors; none crosses a co_await.
  [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
};

template <class T>
struct Promise : PromiseBase {
  union {
    T value;
  };
  bool has_value = false;

  Promise() noexcept {}
  ~Promise() {
    if (has_value) std::destroy_at(std::addressof(value));
  }
  Task<T> get_return_object() noexcept;
  template <class U>
  void return_value(U&& result) {
    std::construct_at(std::addressof(value), std::forward<U>(result));
    has_value = true;
  }
  T take() { return std::move(value); }
};

template <>
struct Promise<void> : PromiseBase {
  Task<void> get_return_object() noexcept;
  void return_void() const noexcept {}
  void take() const noexcept {}
};

}  // namespace detail

/// A coroutine that has not started yet. Either `co_await` it, once, or give it to
/// `TaskScope::spawn`.
///
/// Owns the frame: a Task never awaited is destroyed without having run. Parameters belong to the
/// frame, so take them by value; what they hold (a Stream) lives until the frame is destroyed, not
/// until co_return. An exception that leaves the body ends the program (std::terminate).
template <class T = void>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::Promise<T>;

  Task(Task&& other) noexcept : frame_{std::exchange(other.frame_, nullptr)} {}
  Task& operator=(Task&& other) noexcept {
    std::swap(frame_, other.frame_);
    return *this;
  }
  ~Task() {
    if (frame_) frame_.destroy();
  }

  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> parent) noexcept {
    frame_.resume();
    if (frame_.done()) return false;
    frame_.promise().parent = parent;
    return true;
  }
  T await_resume() { return frame_.promise().take(); }

 private:
  friend promise_type;
  friend class TaskScope;
  explicit Task(std::coroutine_handle<promise_type> frame) noexcept : frame_{frame} {}

  std::coroutine_handle<promise_type> frame_;
};

template <class T>
Task<T> detail::Promise<T>::get_return_object() noexcept {
  return Task<T>{std::coroutine_handle<Promise>::from_promise(*this)};
}

inline Task<void> detail::Promise<void>::get_return_object() noexcept {
  return Task<void>{std::coroutine_handle<Promise>::from_promise(*this)};
}

}  // namespace headrace
