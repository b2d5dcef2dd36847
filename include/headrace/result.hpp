// SPDX-License-Identifier: MIT
//
// How a call ends: a value, or a Failure that says which call failed and why. Expected outcomes
// (the peer closed, a deadline passed, the port is taken) are values and never exceptions.
#pragma once

#include <cstdint>
#include <expected>

namespace headrace {

/// Why something did not happen. One word a reason, the same under every I/O model.
enum class Errc : std::uint8_t {
  end_of_stream = 1,     ///< The peer sent FIN, or a Channel was closed: nothing more will come.
  timed_out,             ///< The deadline passed first. The socket is still good.
  canceled,              ///< The task was cancelled, or its server cut what was left.
  draining,              ///< The server is stopping and this receive would have had to wait.
  reset,                 ///< The peer reset the connection (RST).
  broken_pipe,           ///< We, or the peer, have closed the direction written to.
  refused,               ///< Nobody listens at that address.
  unreachable,           ///< No route, host or network down, or the network timed out.
  address_in_use,        ///< Another socket holds the address.
  address_unavailable,   ///< The address is not one of this machine's.
  permission_denied,     ///< EACCES or EPERM.
  invalid_address,       ///< The text is no address; `call` says what is wrong with it.
  name_not_found,        ///< The host name has no address.
  too_many_descriptors,  ///< Descriptor limit of the process, of the system, or of select(2).
  out_of_memory,         ///< ENOMEM or ENOBUFS.
  not_supported,         ///< The kernel, the engine or the transport cannot do this.
  message_too_long,      ///< More bytes than one datagram holds.
  would_wait,            ///< A `try_` call that could only have gone on by waiting.
  system_error,          ///< Any other errno; see `Failure::error`.
};

/// A few words for a person, in English: "connection reset by the peer". Static storage.
[[nodiscard]] const char* to_text(Errc code) noexcept;

/// What failed and why. 16 bytes, copied freely; whoever knows the address adds it to the message.
struct Failure {
  const char* call = "";   ///< The system call or step that failed, or the detail. Static storage.
  std::int32_t error = 0;  ///< The errno of that call; 0 when the kernel was not asked.
  Errc code = Errc::system_error;

  /// The errno translated to ours. `call` must have static storage.
  [[nodiscard]] static Failure from_errno(const char* call, int error) noexcept;

  /// A few words for a person: the kernel's when there is an errno without a word of ours.
  [[nodiscard]] const char* reason() const noexcept;
};
static_assert(sizeof(Failure) == 16);

/// A `T`, or why there is none.
template <class T = void>
using Result = std::expected<T, Failure>;

/// `return fail(Errc::timed_out, "recv");` from a function that returns a Result.
[[nodiscard]] constexpr std::unexpected<Failure> fail(Errc code, const char* call) noexcept {
  return std::unexpected(Failure{.call = call, .error = 0, .code = code});
}

/// The same with the errno of the call just made.
[[nodiscard]] inline std::unexpected<Failure> fail_errno(const char* call, int error) noexcept {
  return std::unexpected(Failure::from_errno(call, error));
}

}  // namespace headrace
