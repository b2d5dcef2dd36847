// SPDX-License-Identifier: MIT
//
// Transcoder: text from one encoding to another, piece by piece as it comes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "headrace/buffer.hpp"
#include "headrace/result.hpp"

namespace headrace {

/// Converts a stream of text with glibc's iconv(3). However the stream is cut into pieces, the
/// result is the same: a character split over two pieces survives, and so does a shift state.
///
/// Nothing in the text is fatal. A byte that is part of no character becomes U+FFFD, and so does a
/// character that the target lacks; '?' where the target has no U+FFFD either. Both are counted. Of
/// encodings with wider units (UTF-16) a whole unit is replaced. Use it from one thread at a time;
/// not bound to an engine. Memory: as much as the result of the longest piece.
class Transcoder {
 public:
  /// `from` and `to` are names that `iconv -l` lists, in capitals or not; `to` may end in
  /// `//TRANSLIT`. Fails with `not_supported` when one is unknown, `out_of_memory`,
  /// `too_many_descriptors`.
  [[nodiscard]] static Result<Transcoder> open(std::string_view from, std::string_view to);

  Transcoder(Transcoder&& other) noexcept;
  Transcoder& operator=(Transcoder&& other) noexcept;
  ~Transcoder();

  /// What `bytes` add to the result; valid until the next call. Empty while a character is not yet
  /// whole. Throws std::bad_alloc.
  [[nodiscard]] ByteView convert(ByteView bytes);

  struct Tail {
    ByteView bytes;          ///< What is left of the result; valid until the next call.
    std::size_t incomplete;  ///< Bytes at the end that began a character which never became whole.
  };
  /// The end of the text: replaces an incomplete character and returns to the initial shift state,
  /// so that another text may follow. Counts go on. Throws std::bad_alloc.
  [[nodiscard]] Tail finish();

  /// Bytes so far that were part of no character of `from`.
  [[nodiscard]] std::uint64_t invalid() const noexcept;
  /// Characters so far that `to` lacks.
  [[nodiscard]] std::uint64_t unrepresentable() const noexcept;

 private:
  struct State;
  explicit Transcoder(std::unique_ptr<State> state) noexcept;
  std::unique_ptr<State> state_;
};

}  // namespace headrace
