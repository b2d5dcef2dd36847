// SPDX-License-Identifier: MIT
//
// Content. A file is read no further than can matter: /dev/zero is a file too.
#include "datagrams/content.hpp"

#include <array>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "hex.hpp"

namespace headrace::tool {

namespace {

// Per byte: two digits, "0x", and what stands between; or the longest way to write a character.
constexpr std::size_t kWidest = 8;

/// A file to read, or stdin for "-".
class InputFile {
 public:
  explicit InputFile(const std::string& name) noexcept
      : descriptor_{name == "-" ? STDIN_FILENO : ::open(name.c_str(), O_RDONLY | O_CLOEXEC)} {}
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;
  ~InputFile() {
    if (descriptor_ > STDERR_FILENO) (void)::close(descriptor_);  // only read from
  }
  [[nodiscard]] bool is_open() const noexcept { return descriptor_ >= 0; }

  // Up to `most` bytes; false on an error, in errno.
  bool read(std::string& bytes, std::size_t most) const {
    std::array<char, 65536> piece;
    while (bytes.size() < most) {
      const ssize_t count = ::read(descriptor_, piece.data(), piece.size());
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return count == 0;
      bytes.append(piece.data(), static_cast<std::size_t>(count));
    }
    return true;
  }

 private:
  int descriptor_;
};

}  // namespace

std::string too_long(std::uint64_t size) {
  return fmt::format("{} bytes are more than the {} of a datagram", size, kLongestDatagram);
}

ContentMaker::ContentMaker(const SendArguments& asked) : asked_{asked}, encoder_{asked.encoding} {}

std::size_t ContentMaker::longest_given() const noexcept {
  return asked_.hex || !asked_.encoding.empty() ? kWidest * kLongestDatagram : kLongestDatagram;
}

Parsed<std::string> ContentMaker::make(std::string_view given) {
  std::string bytes;
  if (asked_.hex) {
    auto digits = parse_hex(given);
    if (!digits) return digits;
    bytes = std::move(*digits);
  } else {
    bytes = encoder_.encode(given);
  }
  if (bytes.size() > kLongestDatagram) return std::unexpected(too_long(bytes.size()));
  return bytes;
}

Parsed<std::string> ContentMaker::make_from_file() {
  const std::string name = asked_.file == "-" ? "stdin" : asked_.file;
  const InputFile file{asked_.file};
  std::string given;
  if (!file.is_open() || !file.read(given, longest_given() + 1))
    return std::unexpected(fmt::format("{}: {}", name, ::strerrordesc_np(errno)));
  if (given.size() > longest_given())
    return std::unexpected(
        fmt::format("{}: over {} bytes are too many for a datagram", name, longest_given()));
  auto content = make(given);
  if (!content) return std::unexpected(fmt::format("{}: {}", name, content.error()));
  return content;
}

}  // namespace headrace::tool
