// SPDX-License-Identifier: MIT
//
// Being told to stop: by a signal, a Stopper or a command. The first call begins the drain, the
// second ends it. Not here: what a launcher does about it.
#include <cerrno>
#include <mutex>

#include <sys/eventfd.h>

#include "models/server_control.hpp"

namespace headrace {

Control::~Control() = default;
ControlSource::~ControlSource() = default;

/// Beside the descriptor that poll(2) sees, the timer that interrupts a serving thread which is
/// blocked elsewhere.
struct Stopper::Target {
  std::mutex mutex{};
  const net::RepeatedSignal* repeat = nullptr;
};

Stopper::Stopper()
    : target_{new Target},
      descriptor_{sys::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE)} {}

Stopper::~Stopper() {
  if (descriptor_ >= 0) (void)sys::close(descriptor_);  // an eventfd has nothing to lose
  delete target_;
}

void Stopper::stop() noexcept {
  const std::uint64_t one = 1;
  (void)sys::write(descriptor_, &one, sizeof one);  // EAGAIN: it has been stopped often enough
  const std::lock_guard lock{target_->mutex};
  if (target_->repeat != nullptr) target_->repeat->arm();
}

void Stopper::interrupts(const void* repeat) noexcept {
  const std::lock_guard lock{target_->mutex};
  target_->repeat = static_cast<const net::RepeatedSignal*>(repeat);
}

namespace models {

void Stop::look() noexcept {
  unsigned calls = 0;
  unsigned char byte = 0;
  while (descriptors_[0] >= 0 && sys::read(descriptors_[0], &byte, 1) == 1) ++calls;
  std::uint64_t count = 0;
  while (descriptors_[1] >= 0 && sys::read(descriptors_[1], &count, sizeof count) > 0) ++calls;
  if (calls != 0) call(calls);
}

void Stop::call(unsigned times) noexcept {
  begin();
  if (calls_.fetch_add(times) + times >= 2) phase_.store(detail::Phase::cut);
}

void Stop::begin() noexcept {
  TimePoint unset{};
  (void)ends_.compare_exchange_strong(unset, sys::steady_now() + drain_);
  detail::Phase running = detail::Phase::running;
  (void)phase_.compare_exchange_strong(running, detail::Phase::draining);
}

bool Stop::cuts() const noexcept {
  const detail::Phase phase = phase_.load();
  return phase == detail::Phase::cut ||
         (phase == detail::Phase::draining && sys::steady_now() >= ends_.load());
}

}  // namespace models
}  // namespace headrace
