// SPDX-License-Identifier: MIT
//
// Any bytes, in many encodings, cut anywhere: the same result and the same counts as in one piece.
// And where iconv(3) converts the whole in one call without complaint, its result is ours; one call
// to Unicode and one from there, for glibc's shortcuts between some encodings of Chinese pass on
// bytes that are no character (GB2312 to GBK) or exchange characters (Big5 to GB2312).
//
// The first three bytes choose the encodings and the pieces.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>

#include <iconv.h>

#include "headrace/transcoder.hpp"

namespace {

constexpr std::array kEncodings{"utf-8",       "gb2312",      "gbk",          "gb18030",
                                "big5",        "shift_jis",   "iso-2022-jp",  "utf-16",
                                "utf-16le",    "utf-32be",    "euc-jisx0213", "big5-hkscs",
                                "iso-2022-kr", "iso-2022-cn", "latin1",       "ascii"};

constexpr const char* kCharacters = "ucs-4le";

struct Converted {
  std::string bytes;
  std::uint64_t invalid;
  std::uint64_t unrepresentable;
  std::size_t incomplete;
  bool operator==(const Converted&) const = default;
};

// In pieces whose sizes follow from `cuts`; in one piece for 0.
Converted convert(const char* from, const char* to, std::string_view text, unsigned cuts) {
  auto transcoder = headrace::Transcoder::open(from, to);
  if (!transcoder) std::abort();
  Converted result{};
  unsigned seed = cuts;
  while (!text.empty()) {
    seed = seed * 1'103'515'245U + 12345U;
    const std::size_t piece =
        cuts == 0 ? text.size() : std::min<std::size_t>(text.size(), 1 + (seed >> 16) % 5);
    result.bytes +=
        headrace::text_of(transcoder->convert(headrace::bytes_of(text.substr(0, piece))));
    text.remove_prefix(piece);
  }
  const auto tail = transcoder->finish();
  result.bytes += headrace::text_of(tail.bytes);
  result.invalid = transcoder->invalid();
  result.unrepresentable = transcoder->unrepresentable();
  result.incomplete = tail.incomplete;
  return result;
}

// Nothing if iconv finds anything wrong.
std::optional<std::string> in_one_shot(const char* from, const char* to, std::string text) {
  const iconv_t converter = ::iconv_open(to, from);
  if (converter == reinterpret_cast<iconv_t>(-1)) std::abort();
  std::string result(text.size() * 16 + 64, '\0');
  char* in = text.data();
  char* out = result.data();
  std::size_t in_left = text.size();
  std::size_t out_left = result.size();
  const auto failed = static_cast<std::size_t>(-1);
  const bool fine = ::iconv(converter, &in, &in_left, &out, &out_left) != failed &&
                    ::iconv(converter, nullptr, nullptr, &out, &out_left) != failed;
  (void)::iconv_close(converter);
  if (!fine) return std::nullopt;
  result.resize(result.size() - out_left);
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size < 3) return 0;
  const char* const from = kEncodings[bytes[0] % kEncodings.size()];
  const char* const to = kEncodings[bytes[1] % kEncodings.size()];
  const std::string text{reinterpret_cast<const char*>(bytes) + 3, size - 3};
  const Converted whole = convert(from, to, text, 0);
  if (convert(from, to, text, bytes[2] + 1U) != whole) std::abort();
  const auto characters = in_one_shot(from, kCharacters, text);
  const auto expected = characters ? in_one_shot(kCharacters, to, *characters) : std::nullopt;
  if (expected && (*expected != whole.bytes || whole.invalid + whole.unrepresentable != 0))
    std::abort();
  return 0;
}
