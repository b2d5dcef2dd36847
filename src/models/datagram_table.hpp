// SPDX-License-Identifier: MIT
//
// The counts of a server's datagram sockets, in memory that children share: a tally for each worker
// at each address.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "engines/datagram_side.hpp"

namespace headrace::models {

class DatagramTable {
 public:
  /// Null when the memory cannot be had.
  static std::unique_ptr<DatagramTable> make(std::size_t doors, std::size_t workers);
  DatagramTable(const DatagramTable&) = delete;
  DatagramTable& operator=(const DatagramTable&) = delete;
  ~DatagramTable();

  [[nodiscard]] detail::DatagramTally& tally(std::size_t door, std::size_t worker) const noexcept;
  /// All of them together.
  [[nodiscard]] DatagramCounts totals() const noexcept;
  /// Of one door, from now on: what is dropped there is dropped on purpose.
  void close(std::size_t door) const noexcept;
  /// Numbers the datagrams that are told, from 1, whichever worker has them.
  [[nodiscard]] std::uint64_t next_number() const noexcept;

 private:
  struct Shared;

  DatagramTable(Shared* shared, std::size_t size, std::size_t doors, std::size_t workers) noexcept;
  [[nodiscard]] std::span<detail::DatagramTally> all() const noexcept;

  Shared* shared_;
  std::size_t size_;
  std::size_t doors_;
  std::size_t workers_;
};

}  // namespace headrace::models
