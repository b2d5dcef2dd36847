// SPDX-License-Identifier: MIT
//
// Descriptors by lowest number, time by need, and what a server may not do: sleep while it has
// something to do, turn in vain, use a descriptor that is closed.
#include "kernel.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace headrace::simulation {

namespace {

constexpr int kFirstDescriptor = 3;
constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::int64_t kLate = 50 * kMillisecond;  // ticks, rounding, and the length of a turn

}  // namespace

// Descriptors.

int Kernel::lowest_free() const noexcept {
  if (open_ >= descriptor_limit) return -EMFILE;
  const auto free = std::ranges::find(table_, nullptr);
  return kFirstDescriptor + static_cast<int>(free - table_.begin());
}

int Kernel::install(int descriptor, File& file) noexcept {
  const auto place = static_cast<std::size_t>(descriptor - kFirstDescriptor);
  if (place == table_.size()) table_.push_back(nullptr);
  table_[place] = &file;
  ++file.references;
  ++open_;
  return descriptor;
}

int Kernel::install(File& file) noexcept {
  const int descriptor = lowest_free();
  return descriptor < 0 ? descriptor : install(descriptor, file);
}

File* Kernel::at(int descriptor) noexcept {
  const auto place = static_cast<std::size_t>(descriptor - kFirstDescriptor);
  if (descriptor >= kFirstDescriptor && place < table_.size() && table_[place] != nullptr)
    return table_[place];
  complain("descriptor " + std::to_string(descriptor) + " is used, which is closed");
  return nullptr;
}

int Kernel::close(int descriptor) noexcept {
  File* const file = at(descriptor);
  if (file == nullptr) return -EBADF;
  table_[static_cast<std::size_t>(descriptor - kFirstDescriptor)] = nullptr;
  --open_;
  ++closed_;
  let_go(*file);
  return 0;
}

void Kernel::let_go(File& file) noexcept {
  if (--file.references != 0) return;
  file.forget_interests();
  file.closed();
  if (auto* const stream = dynamic_cast<Connection*>(&file)) std::erase(accepted_, stream);
  if (auto* const listener = dynamic_cast<ListeningSocket*>(&file))
    std::erase(listeners_, listener);
  if (auto* const list = dynamic_cast<InterestList*>(&file)) end(*list);
}

// Its entries go with it. A record that was never freed is not used again, so that in the end there
// were more addresses than there were ever records at once.
void Kernel::end(const InterestList& list) noexcept {
  if (list.addresses() > list.most_entries())
    complain(std::to_string(list.addresses()) + " records were used where " +
             std::to_string(list.most_entries()) + " are enough: one was not given back");
  for (const auto& file : files_)
    std::erase_if(file->interests, [&list](const auto& entry) { return entry->list == &list; });
}

Connection* Kernel::connect(FarEnd& peer, std::uint32_t number, Capacities room) {
  if (listeners_.empty()) return nullptr;
  ListeningSocket& listener = *listeners_[random.below(listeners_.size())];
  if (static_cast<int>(listener.queue.size()) > listener.backlog) return nullptr;
  auto made = std::make_unique<Connection>(*this, peer, number, listener.is_unix, room);
  Connection* const stream = made.get();
  files_.push_back(std::move(made));
  stream->moved_at = now;
  listener.queue.push_back(stream);
  listener.wake(EPOLLIN | EPOLLRDNORM);
  return stream;
}

// Time.

void Kernel::call_at(Actor& actor, std::int64_t time) {
  if (time >= actor.due) return;
  actor.due = time;
  agenda_.push({time, ++planned_, &actor});
}

void Kernel::run_due() {
  while (!agenda_.empty() && agenda_.top().at <= now) {
    const Due next = agenda_.top();
    agenda_.pop();
    if (next.who->due != next.at) continue;  // it has acted already
    next.who->due = kNever;
    next.who->act();
  }
}

void Kernel::enter() {
  constexpr std::uint64_t kMostCalls = 2'000'000;
  now += random.between(100, 2000);
  if (++calls == kMostCalls) complain("the server makes calls without end");
  if (calls == 2 * kMostCalls) give_up();
  if (random.one_in(4)) run_due();
}

void Kernel::sleep_until(std::int64_t until) {
  const std::int64_t next = agenda_.empty() ? kNever : agenda_.top().at;
  if (next == kNever && until == kNever) {
    if (!wrong_.empty() && is_stopping) give_up();
    if (operator_ == nullptr || is_stopping)
      return complain("the server sleeps for ever and nobody will wake it");
    return operator_->act();
  }
  now = std::max(now, std::min(next, until));
}

void Kernel::rest(int timeout_ms) {
  now += timeout_ms * kMillisecond;
  run_due();
}

// Judgement.

void Kernel::complain(std::string what) noexcept {
  if (!wrong_.empty()) return;
  wrong_ = std::move(what);
  trace.note(now, "WRONG", 0, 0, 0);
  is_calm = true;
  if (operator_ != nullptr) operator_->act();
}

void Kernel::give_up() const {
  (void)std::fprintf(stderr, "%sseed %llu: %s; and the server does not end\n",
                     trace.latest().c_str(), static_cast<unsigned long long>(seed), wrong_.c_str());
  std::abort();
}

void Kernel::judge_sleep() noexcept {
  if (!wrong_.empty()) return;
  vain_waits_ = 0;
  for (const Connection* const stream : accepted_) {
    const char* const neglected = is_starved ? nullptr : stream->neglected();
    if (stream->departed)
      return complain("peer " + std::to_string(stream->number()) +
                      ": its socket is closed, and a request keeps it open");
    if (neglected != nullptr)
      return complain("peer " + std::to_string(stream->number()) + ": " + neglected);
    if (idle_timeout != kNever &&
        now - std::max(stream->moved_at, stream->restarted_at) > idle_timeout + kLate)
      return complain("peer " + std::to_string(stream->number()) +
                      ": its idle timeout has passed and nothing comes of it");
  }
  for (const ListeningSocket* const listener : listeners_)
    if (!listener->queue.empty() && now > listener->paused_until)
      return complain("a connection waits to be accepted while everybody sleeps");
}

void Kernel::waits_again() noexcept {
  constexpr unsigned kVain = 200;
  if (++vain_waits_ == kVain) complain("turn follows turn and nothing comes of it");
}

}  // namespace headrace::simulation
