// SPDX-License-Identifier: MIT
//
// Waking and collecting, after ep_poll_callback and ep_send_events of Linux's fs/eventpoll.c; and
// what the simulation sees of the engine's records: their addresses, which the engine leaves in its
// entries.
#include "file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "kernel.hpp"

namespace headrace::simulation {

File::~File() = default;

ssize_t File::read(void*, std::size_t) noexcept { return -EINVAL; }
ssize_t File::write(const void*, std::size_t) noexcept { return -EINVAL; }

void File::wake(std::uint32_t events) noexcept {
  for (const auto& interest : interests)
    if (events == 0 || (events & interest->events) != 0) interest->list->queue(*interest);
}

void File::forget_interests() noexcept {
  for (const auto& interest : interests) interest->list->removed(*interest);
  interests.clear();
}

ssize_t Counter::read(void* bytes, std::size_t size) noexcept {
  if (size < sizeof count_) return -EINVAL;
  if (count_ == 0) return -EAGAIN;
  const std::uint64_t taken = is_semaphore_ ? 1 : count_;
  count_ -= taken;
  std::memcpy(bytes, &taken, sizeof taken);
  wake(EPOLLOUT);
  return sizeof taken;
}

ssize_t Counter::write(const void* bytes, std::size_t size) noexcept {
  std::uint64_t more = 0;
  if (size < sizeof more) return -EINVAL;
  std::memcpy(&more, bytes, sizeof more);
  count_ += more;
  wake(EPOLLIN);
  return sizeof more;
}

InterestList::~InterestList() = default;

void InterestList::queue(Interest& interest) noexcept {
  if (std::exchange(interest.queued, true)) return;
  queue_.push_back(&interest);
}

void InterestList::removed(Interest& interest) noexcept {
  if (interest.queued) std::erase(queue_, &interest);
  if (std::ranges::find(batch_, interest.data) != batch_.end()) removed_.push_back(interest.data);
  --entries_;
  ++gone_in_batch_;
}

void InterestList::begin_batch() noexcept {
  batch_.clear();
  removed_.clear();
  gone_before_ = std::exchange(gone_in_batch_, 0);
}

int InterestList::change(int action, int descriptor, File& file,
                         const epoll_event* event) noexcept {
  const auto found = std::ranges::find_if(file.interests, [&](const auto& interest) {
    return interest->list == this && interest->descriptor == descriptor;
  });
  if (action == EPOLL_CTL_ADD)
    return found != file.interests.end() ? -EEXIST : add(descriptor, file, *event);
  if (found == file.interests.end()) return -ENOENT;
  Interest& interest = **found;
  if (action == EPOLL_CTL_DEL) {
    removed(interest);
    file.interests.erase(found);
    return 0;
  }
  interest.events = event->events | EPOLLERR | EPOLLHUP;
  interest.data = event->data.u64;
  if ((file.ready() & interest.events) != 0) queue(interest);
  return 0;
}

int InterestList::add(int descriptor, File& file, const epoll_event& event) noexcept {
  const std::uint64_t data = event.data.u64;
  if (std::ranges::find(removed_, data) != removed_.end())
    kernel_.complain("a record is used again while the batch of events that names it is not over");
  note_address(data);
  ++entries_;
  most_entries_ = std::max(most_entries_, entries_ + gone_in_batch_ + gone_before_);
  auto interest = std::make_unique<Interest>(
      Interest{this, descriptor, &file, event.events | EPOLLERR | EPOLLHUP, data});
  if ((file.ready() & interest->events) != 0) queue(*interest);
  file.interests.push_back(std::move(interest));
  return 0;
}

void InterestList::note_address(std::uint64_t data) noexcept {
  const auto place = std::ranges::lower_bound(addresses_, data);
  if (place == addresses_.end() || *place != data) addresses_.insert(place, data);
}

int InterestList::collect(epoll_event* events, int capacity) noexcept {
  int told = 0;
  std::vector<Interest*> again;  // level-triggered: to be looked at again the next time
  std::size_t looked_at = 0;
  std::vector<Interest*> queued = std::exchange(queue_, {});
  // Whoever was woken first comes first; but who that is, is the world's choice.
  if (queued.size() > 1 && kernel_.random.one_in(4))
    std::rotate(queued.begin(), queued.begin() + 1, queued.end());
  for (; looked_at < queued.size() && told < capacity; ++looked_at) {
    Interest& interest = *queued[looked_at];
    interest.queued = false;
    const std::uint32_t ready = interest.file->ready() & interest.events;
    if (ready == 0) continue;
    events[told].events = ready;
    events[told++].data.u64 = interest.data;
    batch_.push_back(interest.data);
    if ((interest.events & EPOLLET) == 0) again.push_back(&interest);
  }
  queue_.insert(queue_.begin(), queued.begin() + static_cast<std::ptrdiff_t>(looked_at),
                queued.end());
  for (Interest* const interest : again) queue(*interest);
  return told;
}

}  // namespace headrace::simulation
