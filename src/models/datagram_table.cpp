// SPDX-License-Identifier: MIT
//
// Tallies in one anonymous shared mapping, each with cache lines of its own. What a killed child
// has counted stays counted.
#include "models/datagram_table.hpp"

#include <new>

namespace headrace::models {

using detail::DatagramTally;

struct DatagramTable::Shared {
  std::atomic<std::uint64_t> numbers;
  alignas(DatagramTally) std::byte tallies[];
};

std::unique_ptr<DatagramTable> DatagramTable::make(std::size_t doors, std::size_t workers) {
  const std::size_t size = sizeof(Shared) + doors * workers * sizeof(DatagramTally);
  void* const memory = sys::map_memory(size, true);  // zeros, which is what every count begins with
  if (memory == nullptr) return nullptr;
  return std::unique_ptr<DatagramTable>{
      new DatagramTable{static_cast<Shared*>(memory), size, doors, workers}};
}

DatagramTable::DatagramTable(Shared* shared, std::size_t size, std::size_t doors,
                             std::size_t workers) noexcept
    : shared_{shared}, size_{size}, doors_{doors}, workers_{workers} {}

DatagramTable::~DatagramTable() { sys::unmap_memory(shared_, size_); }

std::span<DatagramTally> DatagramTable::all() const noexcept {
  return {std::launder(reinterpret_cast<DatagramTally*>(shared_->tallies)), doors_ * workers_};
}

DatagramTally& DatagramTable::tally(std::size_t door, std::size_t worker) const noexcept {
  return all()[door * workers_ + worker];
}

DatagramCounts DatagramTable::totals() const noexcept {
  DatagramCounts sum;
  for (const DatagramTally& tally : all()) {
    const DatagramCounts one = detail::counts_of(tally);
    sum.received += one.received;
    sum.bytes_received += one.bytes_received;
    sum.sent += one.sent;
    sum.bytes_sent += one.bytes_sent;
    sum.failed += one.failed;
    sum.truncated += one.truncated;
    sum.dropped += one.dropped;
    sum.unanswered += one.unanswered;
    sum.limited += one.limited;
  }
  return sum;
}

void DatagramTable::close(std::size_t door) const noexcept {
  for (DatagramTally& tally : all().subspan(door * workers_, workers_)) tally.closed_to_new = true;
}

std::uint64_t DatagramTable::next_number() const noexcept {
  return shared_->numbers.fetch_add(1, std::memory_order_relaxed) + 1;
}

}  // namespace headrace::models
