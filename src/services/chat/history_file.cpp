// SPDX-License-Identifier: MIT
//
// Records on disk: reading them again, and writing one more.
#include "services/chat/history_file.hpp"

#include <array>
#include <cerrno>
#include <cstring>

#include "net/system_calls.hpp"

namespace headrace::chat {

namespace {

constexpr std::string_view kBegin = "headrace chat history 1\n";
constexpr std::size_t kHead = 8;  // length and checksum of what follows, in the machine's order
constexpr std::size_t kLargest = std::size_t{64} << 20;

constexpr std::array<std::uint32_t, 256> make_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit) value = value >> 1 ^ (value & 1 ? 0x82F63B78U : 0);
    table[byte] = value;
  }
  return table;
}
constexpr auto kTable = make_table();

/// CRC-32C (Castagnoli), as in RFC 3720, appendix B.4.
std::uint32_t checksum(std::string_view bytes) noexcept {
  std::uint32_t value = ~0U;
  for (const char byte : bytes)
    value = value >> 8 ^ kTable[(value ^ static_cast<std::uint8_t>(byte)) & 0xFF];
  return ~value;
}

std::uint32_t number_at(std::string_view bytes) noexcept {
  std::uint32_t number = 0;
  std::memcpy(&number, bytes.data(), sizeof number);
  return number;
}

void put(std::string& to, std::uint32_t number) {
  std::array<char, 4> bytes{};
  std::memcpy(bytes.data(), &number, sizeof number);
  to.append(bytes.data(), bytes.size());
}

/// All of it: a short write goes on, an interrupted one is repeated. 0 or an errno.
int write_all(int file, std::string_view bytes) noexcept {
  while (!bytes.empty()) {
    const ssize_t answer = sys::write(file, bytes.data(), bytes.size());
    if (answer == -EINTR) continue;
    if (answer <= 0) return answer == 0 ? EIO : static_cast<int>(-answer);
    bytes.remove_prefix(static_cast<std::size_t>(answer));
  }
  return 0;
}

/// A file from its beginning, a piece at a time.
class Pieces {
 public:
  explicit Pieces(int file) noexcept : file_{file} {}

  /// At least `size` bytes in front, or what is left of the file.
  Result<std::string_view> front(std::size_t size) {
    while (bytes_.size() - begin_ < size && !ended_) {
      if (begin_ > kPiece) bytes_.erase(0, std::exchange(begin_, 0));
      const std::size_t had = bytes_.size();
      bytes_.resize(had + kPiece);
      const ssize_t answer = sys::read(file_, bytes_.data() + had, kPiece);
      bytes_.resize(had + (answer > 0 ? static_cast<std::size_t>(answer) : 0));
      if (answer == -EINTR) continue;
      if (answer < 0) return fail_errno("read", static_cast<int>(-answer));
      ended_ = answer == 0;
    }
    return std::string_view{bytes_}.substr(begin_);
  }
  void take(std::size_t size) noexcept {
    begin_ += size;
    taken_ += size;
  }
  [[nodiscard]] std::uint64_t taken() const noexcept { return taken_; }

 private:
  static constexpr std::size_t kPiece = std::size_t{64} * 1024;
  int file_;
  std::string bytes_;
  std::size_t begin_ = 0;
  std::uint64_t taken_ = 0;
  bool ended_ = false;
};

}  // namespace

Result<HistoryFile> HistoryFile::open(std::string_view path) {
  if (path.empty()) return HistoryFile{net::Socket{-1}};
  const int descriptor = sys::open_kept_file(std::string{path}.c_str());
  if (descriptor < 0) return fail_errno("open", -descriptor);
  net::Socket file{descriptor};
  if (const int error = sys::lock_file(descriptor); error < 0) {
    if (error == -EWOULDBLOCK) return fail(Errc::address_in_use, "flock");
    return fail_errno("flock", -error);
  }
  return HistoryFile{std::move(file)};
}

Result<> HistoryFile::cut_at(std::uint64_t size) {
  size_ = size;
  const int answer = sys::truncate_file(file_.descriptor(), size);
  if (answer < 0) return fail_errno("ftruncate", -answer);
  return {};
}

Result<> HistoryFile::read(const Take& take) {
  if (!is_open()) return {};
  Pieces pieces{file_.descriptor()};
  auto front = pieces.front(kBegin.size());
  if (!front) return std::unexpected(front.error());
  if (front->size() < kBegin.size() && kBegin.starts_with(*front)) {  // new, or died as it began
    if (const auto cut = cut_at(0); !cut) return cut;
    if (const int error = write_all(file_.descriptor(), kBegin); error != 0)
      return fail_errno("write", error);
    size_ = kBegin.size();
    return {};
  }
  if (!front->starts_with(kBegin)) return fail(Errc::not_supported, "it is no history of a chat");
  for (pieces.take(kBegin.size());;) {
    front = pieces.front(kHead);
    if (!front) return std::unexpected(front.error());
    if (front->empty()) break;
    const std::uint32_t length = front->size() < kHead ? 0 : number_at(*front);
    const bool possible = length > 1 && length <= kLargest;
    if (possible) front = pieces.front(kHead + length);
    if (!front) return std::unexpected(front.error());
    if (!possible || front->size() < kHead + length) {
      // Only the last record can be torn; anything else is damage that cutting would make worse.
      front = pieces.front(2 * kLargest);
      if (!front) return std::unexpected(front.error());
      if (front->size() > kLargest || (!possible && front->size() >= kHead))
        return fail(Errc::not_supported, "a record in it has no possible length");
      found_.torn_bytes = front->size();
      return cut_at(pieces.taken());
    }
    const std::string_view body = front->substr(kHead, length);
    const auto room_size = static_cast<std::uint8_t>(body[0]);
    if (checksum(body) != number_at(front->substr(4)) || std::size_t{room_size} + 1 > length) {
      ++found_.damaged;
    } else {
      ++found_.lines;
      take(body.substr(1, room_size), body.substr(1 + room_size));
    }
    pieces.take(kHead + length);
  }
  size_ = pieces.taken();
  return {};
}

void HistoryFile::keep(std::string_view room, std::string_view line) noexcept {
  std::string record;
  put(record, static_cast<std::uint32_t>(1 + room.size() + line.size()));
  put(record, 0);
  record += static_cast<char>(room.size());
  record.append(room).append(line);
  const std::uint32_t sum = checksum(std::string_view{record}.substr(kHead));
  std::memcpy(record.data() + 4, &sum, sizeof sum);
  const std::lock_guard lock{mutex_};
  int none = 0;
  if (const int error = write_all(file_.descriptor(), record); error != 0) {
    (void)error_.compare_exchange_strong(none, error);
    (void)sys::truncate_file(file_.descriptor(), size_);  // half a record would hide what follows
  } else {
    size_ += record.size();
  }
}

Result<> HistoryFile::keeping() const noexcept {
  if (const int error = error_; error != 0) return fail_errno("write", error);
  return {};
}

}  // namespace headrace::chat
