// SPDX-License-Identifier: MIT
//
// What each request does when its turn comes, after Linux's io_uring/net.c and poll.c; and what is
// seen of the engine's records, whose addresses are the requests' names.
#include "requests.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include <poll.h>

#include "calls.hpp"

namespace headrace::simulation {

namespace {

// A request for many goes on so often before others have their turn.
constexpr int kMostAtOnce = 32;
constexpr unsigned kSpared = 8;

// How the engine names a record: its address, and which life of it. See IoUringEngine::tag.
constexpr unsigned kGenerationShift = 48;
constexpr std::uint64_t kAddress = ((std::uint64_t{1} << kGenerationShift) - 1) & ~std::uint64_t{7};

bool is_for_many(const io_uring_sqe& what) noexcept {
  return (what.opcode == IORING_OP_RECV && (what.ioprio & IORING_RECV_MULTISHOT) != 0) ||
         (what.opcode == IORING_OP_ACCEPT && (what.ioprio & IORING_ACCEPT_MULTISHOT) != 0);
}

bool is_departed(const File& file) noexcept {
  const auto* const stream = dynamic_cast<const Connection*>(&file);
  return stream != nullptr && stream->departed;
}

}  // namespace

Requests::~Requests() {
  count_records();
  if (records_.size() > most_records_)
    kernel_.complain(std::to_string(records_.size()) + " records were used where " +
                     std::to_string(most_records_) + " are enough: one was not given back");
  for (const Request& request : waiting_) kernel_.let_go(*request.file);
}

// Completions.

unsigned Requests::room() const noexcept {
  return queue_.cq.ring_entries - (*queue_.cq.ktail - *queue_.cq.khead);
}

void Requests::show() {
  for (; !kept_back_.empty() && room() != 0; kept_back_.pop_front()) {
    io_uring_cqe& place = queue_.cq.cqes[*queue_.cq.ktail & queue_.cq.ring_mask];
    // Not the whole of it: it ends with an array of no size.
    place.user_data = kept_back_.front().user_data;
    place.res = kept_back_.front().res;
    place.flags = kept_back_.front().flags;
    ++*queue_.cq.ktail;
  }
}

void Requests::complete(std::uint64_t about, int answer, unsigned flags) {
  kernel_.trace.note(kernel_.now, "completion", static_cast<std::int64_t>(about & 7), flags,
                     answer);
  io_uring_cqe& last = kept_back_.emplace_back();
  last.user_data = about;
  last.res = answer;
  last.flags = flags;
  show();
}

// Submissions.

int Requests::submit() {
  count_records();
  buffers_.look();
  show();
  // Some kernels take nothing while completions are kept back.
  if (!kept_back_.empty() && kernel_.strikes(2)) return -EBUSY;
  io_uring_sq& queue = queue_.sq;
  int answer = 0;
  if (spared_ != 0) --spared_;
  while (queue.sqe_head != queue.sqe_tail && answer == 0) {
    const bool is_short = spared_ == 0 && kernel_.strikes(kernel_.faults.shortage);
    if (is_short) answer = -EAGAIN;  // no memory for the next one
    if (answer == 0) begin(queue.sqes[queue.sqe_head++ & queue.ring_mask]);
  }
  *queue.khead = queue.sqe_head;
  // The server rests for a while then: not so often that its deadlines suffer.
  if (answer != 0) spared_ = kSpared;
  return answer;
}

/// A record is free for another connection when nobody names it any more: neither a request nor a
/// completion of this batch. So many there may be at once; the batch is over when the engine has
/// taken its completions.
void Requests::count_records() noexcept {
  if (*queue_.cq.khead != taken_) {
    taken_ = *queue_.cq.khead;
    closed_long_before_ = std::exchange(closed_before_, kernel_.closed_descriptors());
  }
  const auto departed = std::ranges::count_if(
      waiting_, [](const Request& request) { return is_departed(*request.file); });
  const std::uint64_t gone = kernel_.closed_descriptors() - closed_long_before_;
  // Borrowed descriptors, the operator's and the stopper's, are let go of without being closed.
  constexpr std::size_t kBorrowed = 4;
  const std::size_t named = kBorrowed + static_cast<std::size_t>(departed);
  most_records_ = std::max(most_records_, kernel_.open_descriptors() + gone + named);
}

void Requests::judge_name(std::uint64_t about) {
  const std::uint64_t address = about & kAddress;
  for (const Request& request : waiting_) {
    const std::uint64_t named = request.what.user_data;
    if (named == about) return kernel_.complain("the same is asked for while it is being done");
    // Another life of the record: it was freed under a request which still names it.
    if ((named & kAddress) == address && named >> kGenerationShift != about >> kGenerationShift)
      return kernel_.complain("a record is used again while a request names it");
  }
  const auto place = std::ranges::lower_bound(records_, address);
  if (place == records_.end() || *place != address) records_.insert(place, address);
}

void Requests::begin(const io_uring_sqe& what) {
  kernel_.trace.note(kernel_.now, "request", what.fd, what.opcode,
                     static_cast<std::int64_t>(what.user_data & 7));
  if (what.opcode == IORING_OP_ASYNC_CANCEL) return cancel(what);
  if (what.opcode == IORING_OP_NOP) return complete(what.user_data, 0, 0);
  File* const file = kernel_.at(what.fd);
  if (file == nullptr) return complete(what.user_data, -EBADF, 0);
  judge_name(what.user_data);
  const bool receives = what.opcode == IORING_OP_RECV;
  const bool refuses = receives ? kernel_.faults.one_receive : kernel_.faults.one_accept;
  if (refuses && is_for_many(what)) return complete(what.user_data, -EINVAL, 0);
  ++file->references;  // the kernel keeps it as long as it works on it
  waiting_.push_back({what, file});
  if (what.opcode != IORING_OP_SEND) return;  // a send is tried at once
  carry_out_often(waiting_.back());
  if (waiting_.back().ended) waiting_.pop_back();
}

void Requests::cancel(const io_uring_sqe& what) {
  const bool any = (what.cancel_flags & IORING_ASYNC_CANCEL_ANY) != 0;
  int found = 0;
  for (Request& request : waiting_) {
    if (!any && request.what.user_data != what.addr) continue;
    request.cancelled = true;
    ++found;
  }
  complete(what.user_data, found != 0 ? 0 : -ENOENT, 0);
}

// Carrying out.

int Requests::look() {
  buffers_.look();
  show();
  const bool found = look_at(false) || look_at(true);
  kernel_.is_starved = buffers_.is_dry();
  return found ? 1 : 0;
}

/// Whose turn is first is the kernel's choice, and so is who has none this time; but before the
/// server sleeps everybody had one.
bool Requests::look_at(bool everybody) {
  const std::size_t count = waiting_.size();
  std::size_t at = kernel_.random.below(count);
  for (std::size_t left = count; left != 0; --left, at = (at + 1) % count) {
    const bool later = !everybody && kernel_.strikes(kernel_.faults.nothing);
    if (later || (waiting_[at].cancelled && !everybody && kernel_.random.one_in(4))) continue;
    carry_out_often(waiting_[at]);
  }
  std::erase_if(waiting_, [](const Request& request) { return request.ended; });
  return *queue_.cq.khead != *queue_.cq.ktail;
}

void Requests::carry_out_often(Request& request) {
  // A cancel may come late: what was on its way is done first.
  if (request.cancelled && (kernel_.is_calm || kernel_.random.one_in(2))) {
    request.ended = request.what.opcode == IORING_OP_RECV
                        ? end_empty(request, -ECANCELED) == Turn::ended
                        : end(request, -ECANCELED) == Turn::ended;
    return;
  }
  Turn turn = Turn::goes_on;
  for (int times = 0; turn == Turn::goes_on && times < kMostAtOnce; ++times)
    turn = carry_out(request);
  if (turn != Turn::ended && request.cancelled) turn = end(request, -ECANCELED);
  request.ended = turn == Turn::ended;
}

Requests::Turn Requests::carry_out(Request& request) {
  switch (request.what.opcode) {
    case IORING_OP_RECV:
      return receive(request);
    case IORING_OP_SEND:
      return send(request);
    case IORING_OP_ACCEPT:
      return accept(request);
    case IORING_OP_POLL_ADD:
      return poll(request);
    default:
      kernel_.complain("a request that the simulated kernel does not know");
      return end(request, -EINVAL);
  }
}

Requests::Turn Requests::end(const Request& request, int answer, unsigned flags) {
  complete(request.what.user_data, answer, flags);
  if (answer != -ENOBUFS) kernel_.has_progressed();
  kernel_.let_go(*request.file);
  return Turn::ended;
}

Requests::Turn Requests::end_empty(const Request& request, int answer) {
  if (buffers_.is_dry() || !kernel_.strikes(4)) return end(request, answer);
  return end(request, answer, IORING_CQE_F_BUFFER | buffers_.take() << IORING_CQE_BUFFER_SHIFT);
}

Requests::Turn Requests::receive(const Request& request) {
  auto& stream = dynamic_cast<Connection&>(*request.file);
  if ((stream.ready() & (EPOLLIN | EPOLLERR)) == 0) return Turn::waits;
  if (buffers_.is_dry()) return end(request, -ENOBUFS);
  const io_uring_buf& buffer = buffers_.next();
  const ssize_t answer =
      receive_from(kernel_, stream, reinterpret_cast<void*>(buffer.addr), buffer.len);
  kernel_.trace.note(kernel_.now, "received", stream.number(),
                     static_cast<std::int64_t>(stream.unread()), answer);
  if (answer <= 0) return end_empty(request, static_cast<int>(answer));
  unsigned flags = IORING_CQE_F_BUFFER | buffers_.take() << IORING_CQE_BUFFER_SHIFT;
  // Only TCP says how much is left.
  if (stream.unread() != 0 && !stream.is_unix()) flags |= IORING_CQE_F_SOCK_NONEMPTY;
  // Without a place for its completion, a request for many ends with this one.
  const bool ends =
      !is_for_many(request.what) || room() == 0 || kernel_.strikes(kernel_.faults.ended);
  if (ends) return end(request, static_cast<int>(answer), flags);
  kernel_.has_progressed();
  complete(request.what.user_data, static_cast<int>(answer), flags | IORING_CQE_F_MORE);
  return Turn::goes_on;
}

Requests::Turn Requests::accept(const Request& request) {
  auto& listener = dynamic_cast<ListeningSocket&>(*request.file);
  if (listener.queue.empty()) return Turn::waits;
  const int answer = accept_from(kernel_, listener, nullptr, nullptr);
  kernel_.trace.note(kernel_.now, "accepted", request.what.fd,
                     static_cast<std::int64_t>(listener.queue.size()), answer);
  const bool ends = answer < 0 || !is_for_many(request.what) || room() == 0 ||
                    kernel_.strikes(kernel_.faults.ended);
  if (ends) return end(request, answer);
  complete(request.what.user_data, answer, IORING_CQE_F_MORE);
  return Turn::goes_on;
}

Requests::Turn Requests::send(Request& request) {
  auto& stream = dynamic_cast<Connection&>(*request.file);
  constexpr std::uint32_t kWorthATry = EPOLLOUT | EPOLLERR | EPOLLHUP;
  if (std::exchange(request.tried, true) && (stream.ready() & kWorthATry) == 0) return Turn::waits;
  const ssize_t answer =
      send_to(kernel_, stream, reinterpret_cast<const void*>(request.what.addr), request.what.len);
  const bool waits = answer == -EAGAIN && !kernel_.strikes(kernel_.faults.nothing);
  if (waits) return Turn::waits;
  kernel_.trace.note(kernel_.now, "sent", stream.number(),
                     static_cast<std::int64_t>(request.what.len), answer);
  return end(request, static_cast<int>(answer));
}

Requests::Turn Requests::poll(const Request& request) {
  const std::uint32_t asked = request.what.poll32_events | POLLERR | POLLHUP;
  const std::uint32_t ready = request.file->ready() & asked;
  if (ready == 0) return Turn::waits;
  return end(request, static_cast<int>(ready));
}

}  // namespace headrace::simulation
