// SPDX-License-Identifier: MIT
//
// Encodings over the library's Transcoder: convert, then finish, since a datagram is all there is.
#include "datagrams/encodings.hpp"

#include <array>
#include <memory>
#include <new>
#include <utility>

#include <fmt/format.h>

#include "suggest.hpp"

namespace headrace::tool {

namespace {

constexpr std::string_view kUtf8 = "UTF-8";
constexpr std::array<std::string_view, 12> kUsual{
    "utf-8",  "gb2312", "gbk",      "gb18030", "big5",   "shift_jis",
    "euc-jp", "euc-kr", "utf-16le", "koi8-r",  "latin1", "windows-1252"};

// The name was checked, but there may be no memory by now.
Transcoder opened(std::string_view from, std::string_view to) {
  auto transcoder = Transcoder::open(from, to);
  if (!transcoder) throw std::bad_alloc{};
  return std::move(*transcoder);
}

std::string converted(Transcoder& transcoder, std::string_view text) {
  std::string result{text_of(transcoder.convert(bytes_of(text)))};
  result += text_of(transcoder.finish().bytes);
  return result;
}

}  // namespace

Parsed<std::string> parse_encoding(std::string_view text) {
  if (Transcoder::open(text, kUtf8) && Transcoder::open(kUtf8, text)) return std::string{text};
  const std::string guess = did_you_mean(text, kUsual);
  return std::unexpected(fmt::format("no encoding is called '{}'{}", text,
                                     guess.empty() ? "; 'iconv -l' lists them" : guess));
}

Decode decoder_of(const std::string& encoding) {
  // Shared, because a std::function must be able to be copied.
  const auto transcoder = std::make_shared<Transcoder>(opened(encoding, kUtf8));
  return [transcoder](std::string_view bytes) {
    const std::uint64_t before = transcoder->invalid();
    std::string text = converted(*transcoder, bytes);
    return Decoded{.text = std::move(text), .invalid = transcoder->invalid() - before};
  };
}

Encoder::Encoder(const std::string& encoding) {
  if (!encoding.empty()) transcoder_ = opened(kUtf8, encoding);
}

std::string Encoder::encode(std::string_view text) {
  return transcoder_ ? converted(*transcoder_, text) : std::string{text};
}

std::uint64_t Encoder::replaced() const noexcept {
  return transcoder_ ? transcoder_->invalid() + transcoder_->unrepresentable() : 0;
}

}  // namespace headrace::tool
