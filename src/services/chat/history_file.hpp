// SPDX-License-Identifier: MIT
//
// HistoryFile: what was said, kept for the next server. Append-only: a line of identification, then
// records of length, checksum (CRC-32C), room and line. Each line is one write(2), so it survives
// the death of the process; what the kernel has not written yet does not survive that of the
// machine. Not here: which of it a room still wants (room.hpp).
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

#include "headrace/chat.hpp"
#include "net/socket.hpp"
#include "services/chat/room.hpp"

namespace headrace::chat {

class HistoryFile final : public Keeper {
 public:
  /// "": no file. Fails with `address_in_use` when another server has it, `not_supported` when it
  /// is something else, or as open(2) does.
  [[nodiscard]] static Result<HistoryFile> open(std::string_view path);

  HistoryFile(HistoryFile&& other) noexcept : file_{std::move(other.file_)} {}
  HistoryFile& operator=(HistoryFile&&) = delete;

  [[nodiscard]] bool is_open() const noexcept { return file_.is_open(); }

  using Take = std::function<void(std::string_view room, std::string_view line)>;
  /// Gives every line to `take`, the oldest first, and cuts off what is torn at the end. Before the
  /// first `keep`.
  [[nodiscard]] Result<> read(const Take& take);
  [[nodiscard]] const services::KeptHistory& found() const noexcept { return found_; }

  void keep(std::string_view room, std::string_view line) noexcept override;
  /// The first failure to keep a line.
  [[nodiscard]] Result<> keeping() const noexcept;

 private:
  explicit HistoryFile(net::Socket file) noexcept : file_{std::move(file)} {}
  [[nodiscard]] Result<> cut_at(std::uint64_t size);

  net::Socket file_;
  std::mutex mutex_;
  services::KeptHistory found_{};
  std::uint64_t size_ = 0;
  std::atomic<int> error_ = 0;
};

}  // namespace headrace::chat
