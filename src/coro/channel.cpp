// SPDX-License-Identifier: MIT
//
// The untyped part of a Channel: a ring of values and two queues of waiting tasks under one mutex,
// held for moves only. A value goes straight to a waiting receiver; a waiting sender's value fills
// the place that a receiver has made.
//
// The engine that owns a waiting task is told through EngineCore::wake, which any thread may call.
#include "headrace/channel.hpp"

#include <cassert>
#include <mutex>
#include <new>

#include "engines/engine_core.hpp"

namespace headrace::detail {

class ChannelCore {
 public:
  ChannelCore(const ValueType& type, std::size_t capacity)
      : type_{type},
        capacity_{capacity},
        values_{static_cast<std::byte*>(
            ::operator new(type.size * capacity, std::align_val_t{type.alignment}))} {
    assert(capacity > 0);
  }

  ChannelCore(const ChannelCore&) = delete;
  ChannelCore& operator=(const ChannelCore&) = delete;

  ~ChannelCore() {
    assert(receivers_.first == nullptr && senders_.first == nullptr &&
           "a Channel must outlive its tasks");
    for (; count_ != 0; --count_) type_.destroy(place(first_++));
    ::operator delete(values_, std::align_val_t{type_.alignment});
  }

  Result<> send(void* value, WaitNode* waits) noexcept {
    WaitNode* receiver = nullptr;
    {
      const std::lock_guard lock{mutex_};
      if (closed_) return fail(Errc::broken_pipe, "send on a channel");
      receiver = receivers_.take();
      if (receiver != nullptr) {
        type_.move(receiver->value, value);
      } else if (count_ < capacity_) {
        type_.move(place(first_ + count_++), value);
      } else {
        if (waits != nullptr) senders_.append(*waits);
        return fail(Errc::would_wait, "send on a channel");
      }
    }
    if (receiver != nullptr) wake_done(*receiver);
    return {};
  }

  Result<> receive(void* value, WaitNode* waits) noexcept {
    WaitNode* sender = nullptr;
    {
      const std::lock_guard lock{mutex_};
      if (count_ == 0) {
        if (closed_) return fail(Errc::end_of_stream, "receive on a channel");
        if (waits != nullptr) receivers_.append(*waits);
        return fail(Errc::would_wait, "receive on a channel");
      }
      void* const oldest = place(first_++);
      type_.move(value, oldest);
      type_.destroy(oldest);
      --count_;
      sender = senders_.take();
      if (sender != nullptr) type_.move(place(first_ + count_++), sender->value);
    }
    if (sender != nullptr) wake_done(*sender);
    return {};
  }

  bool abandon(WaitNode& node) noexcept {
    const std::lock_guard lock{mutex_};
    return receivers_.remove(node) || senders_.remove(node);
  }

  void close() noexcept {
    Queue receivers;
    Queue senders;
    {
      const std::lock_guard lock{mutex_};
      closed_ = true;
      receivers = std::exchange(receivers_, {});
      senders = std::exchange(senders_, {});
    }
    while (WaitNode* const node = receivers.take()) wake_failed(*node, Errc::end_of_stream);
    while (WaitNode* const node = senders.take()) wake_failed(*node, Errc::broken_pipe);
  }

 private:
  /// Waiting tasks, oldest first.
  struct Queue {
    WaitNode* first = nullptr;
    WaitNode* last = nullptr;

    void append(WaitNode& node) noexcept {
      node.next_waiter = nullptr;
      (last == nullptr ? first : last->next_waiter) = &node;
      last = &node;
    }
    WaitNode* take() noexcept {
      WaitNode* const node = first;
      if (node != nullptr) first = node->next_waiter;
      if (first == nullptr) last = nullptr;
      return node;
    }
    bool remove(const WaitNode& node) noexcept {
      WaitNode* before = nullptr;
      for (WaitNode* at = first; at != nullptr; before = std::exchange(at, at->next_waiter)) {
        if (at != &node) continue;
        (before == nullptr ? first : before->next_waiter) = at->next_waiter;
        if (last == at) last = before;
        return true;
      }
      return false;
    }
  };

  static void wake_done(WaitNode& node) noexcept {
    finish(node);
    node.socket->engine->wake(node);
  }

  static void wake_failed(WaitNode& node, Errc why) noexcept {
    finish(node, {node.type->call, 0, why});
    node.socket->engine->wake(node);
  }

  [[nodiscard]] void* place(std::size_t index) const noexcept {
    return values_ + index % capacity_ * type_.size;
  }

  const ValueType& type_;
  const std::size_t capacity_;
  std::byte* const values_;
  std::mutex mutex_;
  std::size_t first_ = 0;
  std::size_t count_ = 0;
  bool closed_ = false;
  Queue receivers_;
  Queue senders_;
};

namespace {

ChannelCore& core_of(const WaitNode& node) noexcept {
  return *static_cast<ChannelCore*>(node.awaited);
}

template <Result<> (ChannelCore::*kMove)(void*, WaitNode*) noexcept>
Verdict attempt(Operation& operation, SocketRecord&) noexcept {
  auto& node = static_cast<WaitNode&>(operation);
  // Once it is queued another thread may finish the operation: it is not to be touched after
  // `would_wait`.
  const Result<> moved = (core_of(node).*kMove)(node.value, &node);
  if (moved) return finish(operation);
  return moved.error().code == Errc::would_wait ? Verdict::would_wait
                                                : finish(operation, moved.error());
}

bool abandon(WaitNode& node) noexcept { return core_of(node).abandon(node); }

}  // namespace

const OperationType channel_send_operation{"send on a channel",
                                           WaitFor::wake,
                                           false,
                                           false,
                                           false,
                                           attempt<&ChannelCore::send>,
                                           start_with<attempt<&ChannelCore::send>>,
                                           nullptr,
                                           nullptr,
                                           abandon};
const OperationType channel_receive_operation{"receive on a channel",
                                              WaitFor::wake,
                                              false,
                                              false,
                                              false,
                                              attempt<&ChannelCore::receive>,
                                              start_with<attempt<&ChannelCore::receive>>,
                                              nullptr,
                                              nullptr,
                                              abandon};

ChannelHandle::ChannelHandle(const ValueType& type, std::size_t capacity)
    : core_{new ChannelCore{type, capacity}} {}

ChannelHandle::~ChannelHandle() { delete core_; }

Result<> ChannelHandle::try_send(void* value) noexcept { return core_->send(value, nullptr); }

Result<> ChannelHandle::try_receive(void* value) noexcept { return core_->receive(value, nullptr); }

void ChannelHandle::close() noexcept { core_->close(); }

}  // namespace headrace::detail
