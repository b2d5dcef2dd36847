// SPDX-License-Identifier: MIT
//
// What a descriptor of the simulated kernel stands for, and how whoever waits for it hears of it:
// epoll(7)'s interest lists, with Linux's rules. A wake puts an entry on its list's queue of those
// that may be ready; epoll_wait looks at each of these again, tells what it finds, and puts it back
// if it is level-triggered. So several wakes are told as one, and what is told is true at that
// moment. Not here: sockets (connection.hpp).
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <sys/epoll.h>
#include <sys/types.h>

namespace headrace::simulation {

class File;
class InterestList;
class Kernel;

/// An entry of an interest list.
struct Interest {
  InterestList* list;
  int descriptor;
  File* file;
  std::uint32_t events;
  std::uint64_t data;
  bool queued = false;
};

class File {
 public:
  explicit File(Kernel& kernel) noexcept : kernel_{kernel} {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  virtual ~File();

  /// The events that poll(2) would tell now.
  [[nodiscard]] virtual std::uint32_t ready() noexcept = 0;
  /// Its last descriptor has been closed.
  virtual void closed() noexcept {}
  virtual ssize_t read(void* bytes, std::size_t size) noexcept;
  virtual ssize_t write(const void* bytes, std::size_t size) noexcept;

  int references = 0;  // descriptors
  std::vector<std::unique_ptr<Interest>> interests{};

  /// Something has happened that whoever waits for one of `events` may want to know; 0: everybody.
  void wake(std::uint32_t events) noexcept;
  /// Nobody watches it any more.
  void forget_interests() noexcept;

 protected:
  Kernel& kernel_;
};

/// eventfd(2).
class Counter final : public File {
 public:
  Counter(Kernel& kernel, std::uint64_t initial, bool is_semaphore) noexcept
      : File{kernel}, count_{initial}, is_semaphore_{is_semaphore} {}

  [[nodiscard]] std::uint32_t ready() noexcept override {
    return EPOLLOUT | (count_ != 0 ? std::uint32_t{EPOLLIN} : 0U);
  }
  ssize_t read(void* bytes, std::size_t size) noexcept override;
  ssize_t write(const void* bytes, std::size_t size) noexcept override;

 private:
  std::uint64_t count_;
  bool is_semaphore_;
};

/// epoll(7).
class InterestList final : public File {
 public:
  using File::File;
  ~InterestList() override;

  [[nodiscard]] std::uint32_t ready() noexcept override { return 0; }
  int change(int action, int descriptor, File& file, const epoll_event* event) noexcept;
  /// The batch that was told last is over.
  void begin_batch() noexcept;
  /// What is ready now, at most `capacity`.
  int collect(epoll_event* events, int capacity) noexcept;

  void queue(Interest& interest) noexcept;
  void removed(Interest& interest) noexcept;
  /// How many entries there are, and how many different addresses they have ever had.
  [[nodiscard]] std::size_t entries() const noexcept { return entries_; }
  [[nodiscard]] std::size_t most_entries() const noexcept { return most_entries_; }
  [[nodiscard]] std::size_t addresses() const noexcept { return addresses_.size(); }

 private:
  int add(int descriptor, File& file, const epoll_event& event) noexcept;
  void note_address(std::uint64_t data) noexcept;

  std::vector<Interest*> queue_;
  std::vector<std::uint64_t> batch_;      // the addresses that the last wait told
  std::vector<std::uint64_t> removed_;    // of these, those whose entry has gone since
  std::vector<std::uint64_t> addresses_;  // every one there ever was, sorted
  std::size_t entries_ = 0;
  // Records of entries that have gone are free when the turn is over; of those that went before the
  // first turn, after it.
  std::size_t gone_in_batch_ = 0, gone_before_ = 0;
  std::size_t most_entries_ = 0;  // at once, with those
};

}  // namespace headrace::simulation
