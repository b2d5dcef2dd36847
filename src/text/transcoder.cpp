// SPDX-License-Identifier: MIT
//
// Streaming conversion over iconv(3), in two steps: bytes to characters (glibc's WCHAR_T, UTF-32 in
// the machine's order), characters to bytes.
//
// iconv says EILSEQ both for bytes that are no character and for a character that the target lacks.
// With one step nobody could tell which, so nobody would know how much to skip; with two, the step
// tells. glibc goes through the same middle form anyway. EINVAL means that the last character is
// not whole yet: its bytes stay in `pending` until more come. Not here: guessing encodings.
#include "headrace/transcoder.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <string>
#include <vector>

#include <iconv.h>

namespace headrace {

namespace {

constexpr wchar_t kReplacement = 0xFFFD;
constexpr std::size_t kLongestName = 100;
// No encoding has longer characters or escape sequences; what claims to be one is not a character.
constexpr std::size_t kLongestCharacter = 64;

class Converter {
 public:
  Converter(const std::string& from, const std::string& to)
      : converter_{::iconv_open(to.c_str(), from.c_str())}, error_{is_open() ? 0 : errno} {}
  Converter(const Converter&) = delete;
  Converter& operator=(const Converter&) = delete;
  ~Converter() {
    if (is_open()) (void)::iconv_close(converter_);  // only fails for a bad argument
  }

  [[nodiscard]] bool is_open() const noexcept {
    return converter_ != reinterpret_cast<iconv_t>(-1);
  }
  [[nodiscard]] int error() const noexcept { return error_; }

  // One call of iconv(3): moves both spans past what was done. 0 or the errno.
  [[nodiscard]] int run(std::span<char>& in, std::span<char>& out) noexcept {
    return run(in.data(), in, out);
  }
  // Without input: back to the initial state, with the bytes that this takes.
  [[nodiscard]] int reset(std::span<char>& out) noexcept {
    std::span<char> nothing;
    return run(nullptr, nothing, out);
  }

 private:
  int run(char* from, std::span<char>& in, std::span<char>& out) noexcept {
    char* to = out.data();
    std::size_t in_left = in.size();
    std::size_t out_left = out.size();
    const std::size_t answer =
        ::iconv(converter_, from == nullptr ? nullptr : &from, &in_left, &to, &out_left);
    const int error = answer == static_cast<std::size_t>(-1) ? errno : 0;
    in = in.last(in_left);
    out = out.last(out_left);
    return error;
  }

  iconv_t converter_;
  int error_;
};

bool is_translit(std::string_view suffix) noexcept {
  constexpr std::string_view kName = "TRANSLIT";
  return std::ranges::equal(suffix, kName, {},
                            [](char c) { return std::toupper(static_cast<unsigned char>(c)); });
}

// "//IGNORE" would have iconv drop what we are to count, and "" mean the locale's encoding.
bool is_name(std::string_view name, bool may_translit) noexcept {
  if (name.empty() || name.size() > kLongestName || name.contains('\0')) return false;
  const std::size_t suffix = name.find("//");
  if (suffix == 0) return false;
  if (suffix == std::string_view::npos) return true;
  const std::string_view after = name.substr(suffix + 2);
  return after.empty() || (may_translit && is_translit(after));
}

// How many bytes to skip at a bad one: what a plain letter takes, once a byte order mark is out.
std::size_t unit_of(const std::string& name) {
  Converter encoder{"WCHAR_T", name};
  if (!encoder.is_open()) return 1;
  std::array<char, 64> space;
  std::size_t width = 1;
  for (int round = 0; round < 2; ++round) {
    wchar_t letter = L'A';
    std::span<char> in{reinterpret_cast<char*>(&letter), sizeof letter};
    std::span<char> out{space};
    if (encoder.run(in, out) != 0) return 1;
    width = space.size() - out.size();
  }
  return width == 2 || width == 4 ? width : 1;
}

Failure why_not(int error) noexcept {
  if (error == EINVAL) return {"no such encoding; `iconv -l` lists them", 0, Errc::not_supported};
  return Failure::from_errno("iconv_open", error);
}

}  // namespace

struct Transcoder::State {
  State(const std::string& from, const std::string& to)
      : decoder{from, "WCHAR_T"}, encoder{"WCHAR_T", to} {}

  void decode_pending();
  void skip_unit();
  void encode(std::span<wchar_t> characters);
  void encode_replacement();
  [[nodiscard]] bool encode_one(wchar_t character);
  [[nodiscard]] int encode_some(std::span<char>& in);
  void reset();
  [[nodiscard]] ByteView result() const noexcept {
    return std::as_bytes(std::span{output}.first(written));
  }

  Converter decoder;
  Converter encoder;
  std::size_t unit = 1;
  std::vector<char> pending;  // of the input, not decoded yet
  std::array<wchar_t, 4096> characters;
  std::vector<char> output;
  std::size_t written = 0;  // bytes of `output` that are the result
  std::uint64_t invalid = 0;
  std::uint64_t unrepresentable = 0;
};

// Decodes as far as characters are whole; the rest stays in `pending`.
void Transcoder::State::decode_pending() {
  std::span<char> in{pending};
  for (bool more = !in.empty(); more;) {
    const std::size_t before = in.size();
    std::span<char> out{reinterpret_cast<char*>(characters.data()), sizeof characters};
    const int error = decoder.run(in, out);
    const std::size_t made = (sizeof characters - out.size()) / sizeof(wchar_t);
    encode(std::span{characters}.first(made));
    more = !in.empty();
    const bool incomplete = error == EINVAL && in.size() < kLongestCharacter;
    if (incomplete) break;
    // E2BIG only means another round, if anything was done at all.
    if (error == 0 || (error == E2BIG && (made > 0 || in.size() < before))) continue;
    const std::size_t skipped = std::min(unit, in.size());
    in = in.subspan(skipped);
    invalid += skipped;
    encode_replacement();
    more = !in.empty();
  }
  pending.erase(pending.begin(), pending.end() - static_cast<std::ptrdiff_t>(in.size()));
}

// The bytes at the front will never become a character.
void Transcoder::State::skip_unit() {
  const std::size_t skipped = std::min(unit, pending.size());
  pending.erase(pending.begin(), pending.begin() + static_cast<std::ptrdiff_t>(skipped));
  invalid += skipped;
  encode_replacement();
}

void Transcoder::State::encode(std::span<wchar_t> text) {
  std::span<char> in{reinterpret_cast<char*>(text.data()), text.size_bytes()};
  while (!in.empty()) {
    if (encode_some(in) == 0) continue;
    in = in.subspan(sizeof(wchar_t));
    ++unrepresentable;
    encode_replacement();
  }
}

void Transcoder::State::encode_replacement() {
  if (!encode_one(kReplacement)) (void)encode_one(L'?');  // a target without even that gets nothing
}

bool Transcoder::State::encode_one(wchar_t character) {
  std::span<char> in{reinterpret_cast<char*>(&character), sizeof character};
  return encode_some(in) == 0;
}

// All of `in`, or up to the character that the target lacks; then the errno. Makes room as needed.
int Transcoder::State::encode_some(std::span<char>& in) {
  for (;;) {
    if (output.size() - written < kLongestCharacter + in.size())
      output.resize(2 * output.size() + kLongestCharacter + 2 * in.size());
    std::span<char> out = std::span{output}.subspan(written);
    const int error = encoder.run(in, out);
    written = output.size() - out.size();
    if (error != E2BIG) return error;
  }
}

// Encodings that combine characters keep the last one back; those with shift states return to the
// first.
void Transcoder::State::reset() {
  std::span<char> out{reinterpret_cast<char*>(characters.data()), sizeof characters};
  (void)decoder.reset(out);  // a few characters at most
  encode(std::span{characters}.first((sizeof characters - out.size()) / sizeof(wchar_t)));

  if (output.size() - written < kLongestCharacter) output.resize(written + kLongestCharacter);
  out = std::span{output}.subspan(written);
  (void)encoder.reset(out);  // an escape sequence at most
  written = output.size() - out.size();
}

Result<Transcoder> Transcoder::open(std::string_view from, std::string_view to) {
  if (!is_name(from, false) || !is_name(to, true)) return std::unexpected(why_not(EINVAL));
  const std::string source{from};
  auto state = std::make_unique<State>(source, std::string{to});
  for (const Converter* step : {&state->decoder, &state->encoder})
    if (!step->is_open()) return std::unexpected(why_not(step->error()));
  state->unit = unit_of(source);
  return Transcoder{std::move(state)};
}

Transcoder::Transcoder(std::unique_ptr<State> state) noexcept : state_{std::move(state)} {}
Transcoder::Transcoder(Transcoder&& other) noexcept = default;
Transcoder& Transcoder::operator=(Transcoder&& other) noexcept = default;
Transcoder::~Transcoder() = default;

ByteView Transcoder::convert(ByteView bytes) {
  State& state = *state_;
  state.written = 0;
  const std::string_view text = text_of(bytes);
  state.pending.insert(state.pending.end(), text.begin(), text.end());
  state.decode_pending();
  return state.result();
}

Transcoder::Tail Transcoder::finish() {
  State& state = *state_;
  state.written = 0;
  const std::size_t incomplete = state.pending.size();
  // What looked like the rest of one character may hold whole ones behind the byte that misled.
  while (!state.pending.empty()) {
    state.skip_unit();
    state.decode_pending();
  }
  state.reset();
  return {state.result(), incomplete};
}

std::uint64_t Transcoder::invalid() const noexcept { return state_->invalid; }

std::uint64_t Transcoder::unrepresentable() const noexcept { return state_->unrepresentable; }

}  // namespace headrace
