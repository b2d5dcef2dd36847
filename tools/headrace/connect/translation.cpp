// SPDX-License-Identifier: MIT
//
// Each translation keeps what a piece has cut in two: a character (Transcoder), a pair of digits, a
// CR and its LF. Where nothing is asked for, bytes pass without a copy.
#include "connect/translation.hpp"

#include <array>
#include <new>
#include <utility>

#include <fmt/format.h>

#include "escape.hpp"

namespace headrace::tool {

namespace {

constexpr std::string_view kUtf8 = "UTF-8";
constexpr unsigned kBytesInALine = 16;

// The name was checked, but there may be no memory by now.
std::optional<Transcoder> opened(std::string_view from, std::string_view to) {
  if (from.empty() || to.empty()) return std::nullopt;
  auto transcoder = Transcoder::open(from, to);
  if (!transcoder) throw std::bad_alloc{};
  return std::move(*transcoder);
}

int value_of(char digit) noexcept {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

bool is_space(char c) noexcept { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

// Where a character begins at the end of `text` that is longer than what is there of it; the size
// of `text` if none does.
std::size_t end_of_characters(std::string_view text) noexcept {
  constexpr std::size_t kLongestCharacter = 4;
  for (std::size_t there = 1; there < kLongestCharacter && there <= text.size(); ++there) {
    const auto byte = static_cast<unsigned char>(text[text.size() - there]);
    if ((byte & 0xC0U) == 0x80U) continue;
    const std::size_t needed = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
    return needed > there ? text.size() - there : text.size();
  }
  return text.size();
}

LineEscaper::Pieces pieces_for(Incoming::Reader reader) noexcept {
  return reader == Incoming::Reader::conversation ? LineEscaper::Pieces::ended
                                                  : LineEscaper::Pieces::joined;
}

}  // namespace

Outgoing::Outgoing(const WireFormat& format)
    : crlf_{format.crlf}, hex_{format.hex}, transcoder_{opened(kUtf8, format.encoding)} {}

Parsed<std::string_view> Outgoing::translate(std::string_view given) {
  if (hex_) return bytes_of_digits(given);
  if (crlf_) end_lines(given);
  const std::string_view text = crlf_ ? std::string_view{made_} : given;
  return transcoder_ ? text_of(transcoder_->convert(bytes_of(text))) : text;
}

Parsed<std::string_view> Outgoing::finish() {
  if (std::exchange(high_digit_, -1) >= 0)
    return std::unexpected(std::string{"the last byte has only one hexadecimal digit"});
  return transcoder_ ? text_of(transcoder_->finish().bytes) : std::string_view{};
}

std::size_t Outgoing::whole_part(std::string_view given) const noexcept {
  if (transcoder_) return end_of_characters(given);
  if (!hex_) return given.size();
  const std::size_t other = given.find_last_not_of("0123456789abcdefABCDEF");
  const std::size_t digits = other == given.npos ? given.size() : given.size() - other - 1;
  return given.size() - digits % 2;
}

std::uint64_t Outgoing::replaced() const noexcept {
  return transcoder_ ? transcoder_->invalid() + transcoder_->unrepresentable() : 0;
}

Parsed<std::string_view> Outgoing::bytes_of_digits(std::string_view given) {
  made_.clear();
  for (const char digit : given) {
    const int value = value_of(digit);
    if (value < 0 && (!is_space(digit) || high_digit_ >= 0)) {
      high_digit_ = -1;
      const std::string what =
          is_space(digit) ? std::string{"a byte has two hexadecimal digits"}
                          : fmt::format("'{}' is no hexadecimal digit", escaped({&digit, 1}));
      return std::unexpected(what + "; write 68 65 6c 6c 6f");
    }
    if (value < 0) continue;
    if (high_digit_ < 0) {
      high_digit_ = value;
      continue;
    }
    made_ += static_cast<char>(std::exchange(high_digit_, -1) * 16 + value);
  }
  return std::string_view{made_};
}

// A line that ends in CR LF already is left as it is.
void Outgoing::end_lines(std::string_view given) {
  made_.clear();
  for (const char c : given) {
    if (c == '\n' && last_ != '\r') made_ += '\r';
    made_ += c;
    last_ = c;
  }
}

Incoming::Incoming(const WireFormat& format, Reader reader)
    : crlf_{format.crlf},
      hex_{format.hex},
      reader_{reader},
      transcoder_{opened(format.encoding, kUtf8)},
      escaper_{pieces_for(reader)} {}

std::string_view Incoming::translate(std::string_view received) {
  if (hex_) return digits_of(received);
  const std::string_view text =
      transcoder_ ? text_of(transcoder_->convert(bytes_of(received))) : received;
  return reader_ == Reader::program ? text : escaped_lines(text);
}

std::string_view Incoming::finish() {
  made_.clear();
  if (hex_) return std::exchange(column_, 0) == 0 ? "" : "\n";
  const std::string_view rest = transcoder_ ? text_of(transcoder_->finish().bytes) : "";
  if (reader_ == Reader::program) return rest;
  const std::string kept = std::exchange(held_return_, false) ? "\r" : "";
  std::string all{escaper_.escape(kept)};
  all += escaped_lines(rest);
  all += escaper_.finish();
  made_ = std::move(all);
  return made_;
}

std::uint64_t Incoming::invalid() const noexcept {
  return transcoder_ ? transcoder_->invalid() : 0;
}

// "68 65 6c 6c 6f 0a": lines of 16 bytes, also over pieces; somebody who types gets each piece's
// own.
std::string_view Incoming::digits_of(std::string_view received) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  made_.clear();
  for (const char c : received) {
    const auto byte = static_cast<unsigned char>(c);
    if (column_ > 0) made_ += ' ';
    made_ += kDigits[byte >> 4U];
    made_ += kDigits[byte & 15U];
    if (++column_ < kBytesInALine) continue;
    made_ += '\n';
    column_ = 0;
  }
  if (reader_ == Reader::conversation && std::exchange(column_, 0) > 0) made_ += '\n';
  return made_;
}

// With --crlf the CR of a line end is no news to whoever looks.
std::string_view Incoming::escaped_lines(std::string_view text) {
  if (!crlf_) return escaper_.escape(text);
  std::string lines;
  for (const char c : text) {
    if (std::exchange(held_return_, false) && c != '\n') lines += '\r';
    if (c == '\r')
      held_return_ = true;
    else
      lines += c;
  }
  return escaper_.escape(lines);
}

}  // namespace headrace::tool
