// SPDX-License-Identifier: MIT
//
// Any bytes: parse neither crashes nor reads beyond them, and what parses reads back as itself.
#include <cstdint>
#include <cstdlib>

#include "headrace/address.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto address = headrace::Address::parse({reinterpret_cast<const char*>(bytes), size});
  if (!address) {
    if (address.error().code != headrace::Errc::invalid_address) std::abort();
    return 0;
  }
  const headrace::AddressText text{*address};
  const auto again = headrace::Address::parse(text);
  if (!again || *again != *address) std::abort();
  if (headrace::AddressText{*again}.view() != text.view()) std::abort();
  return 0;
}
