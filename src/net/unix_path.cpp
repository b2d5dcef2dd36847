// SPDX-License-Identifier: MIT
//
// bind(2) makes a file that outlives its socket: after a crash it is in the way of the next bind,
// and nothing in the file tells whether somebody still listens. connect(2) does: ECONNREFUSED means
// that no socket is behind it. Between that answer and unlink(2) another server may bind a fresh
// file, which would then be lost; and a file bound but not yet listened on refuses too. Hence the
// lock, held from before the question until after listen(2).
//
// Limit: servers that do not take the lock (not headrace) can still slip in between.
#include "net/unix_path.hpp"

#include <cerrno>
#include <utility>

#include <sys/stat.h>

namespace headrace::net {

namespace {

constexpr int kPatienceMs = 1000;  // for others at the same path; each needs a few system calls

bool same_file(const struct stat& a, const struct stat& b) noexcept {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

// `path.lock`, locked while this lives, then gone.
//
// Removing a lock file usually opens a race: one process holds the removed file locked, the next
// makes a new one and locks that. Here the file is removed only by who holds the lock, and a lock
// counts only if the locked file still is the one at the path; else it is let go and taken anew.
class PathLock {
 public:
  [[nodiscard]] static Result<PathLock> take(const std::string& path) {
    PathLock lock{path + ".lock"};
    for (int waited_ms = 0; waited_ms < kPatienceMs; ++waited_ms) {
      const auto taken = lock.try_take();
      if (!taken) return std::unexpected(taken.error());
      if (*taken) return lock;
      (void)sys::poll(nullptr, 0, 1);  // only a pause; ended early by a signal is fine
    }
    return fail(Errc::address_in_use, "flock");
  }

  PathLock(PathLock&&) noexcept = default;
  PathLock& operator=(PathLock&&) = delete;
  ~PathLock() {
    if (!file_.is_open()) return;  // moved from, or never taken
    struct stat status{};
    const bool is_ours = sys::fstat(file_.descriptor(), &status) == 0 && S_ISREG(status.st_mode) &&
                         status.st_size == 0;  // a file of that name with something in it is not
    if (is_ours) (void)sys::unlink(path_.c_str());  // left behind it does no harm
  }

 private:
  explicit PathLock(std::string path) noexcept : path_{std::move(path)} {}

  // False: somebody else holds it, or has just removed it.
  [[nodiscard]] Result<bool> try_take() {
    const int descriptor = sys::open_lock_file(path_.c_str());
    if (descriptor < 0) return fail_errno("open", -descriptor);
    Socket file{descriptor};

    const int error = sys::lock_file(descriptor);
    if (error == -EWOULDBLOCK) return false;
    if (error < 0) return fail_errno("flock", -error);

    struct stat locked{}, current{};
    if (sys::fstat(descriptor, &locked) < 0) return false;
    if (sys::lstat(path_.c_str(), &current) < 0 || !same_file(locked, current)) return false;
    file_ = std::move(file);
    return true;
  }

  std::string path_;
  Socket file_;  // closing it lets go of the lock
};

// Whether a socket is behind the file; a failure that is not about that comes back as it is.
Result<bool> somebody_answers(const SocketAddress& at, int kind) {
  // Not blocking: a full backlog must say EAGAIN instead of waiting to be accepted.
  const int descriptor = sys::socket(AF_UNIX, kind | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) return fail_errno("socket", -descriptor);
  const Socket probe{descriptor};

  const int error = sys::connect(descriptor, at.get(), at.length);
  switch (-error) {
    case ECONNREFUSED:
    case ENOENT:
      return false;  // removed meanwhile
    case 0:
    case EAGAIN:      // its backlog is full
    case EPROTOTYPE:  // one of the other kind, stream or datagram
    case EACCES:      // another user's: not ours to judge
    case EPERM:
      return true;
    default:
      return fail_errno("connect", -error);
  }
}

// Makes `path` free to bind, or says who is in the way. With the lock held.
Result<> remove_stale(const char* path, const SocketAddress& at, int kind) {
  struct stat asked{}, now{};
  int error = sys::lstat(path, &asked);
  if (error == -ENOENT) return {};
  if (error < 0) return fail_errno("lstat", -error);
  // connect(2) says "refused" for these too, and follows a link to wherever it points.
  if (!S_ISSOCK(asked.st_mode)) return fail(Errc::address_in_use, "not a socket");

  const auto alive = somebody_answers(at, kind);
  if (!alive) return std::unexpected(alive.error());
  if (*alive) return fail(Errc::address_in_use, "connect");

  if (sys::lstat(path, &now) == 0 && !same_file(asked, now))
    return fail(Errc::address_in_use, "connect");  // not the file that we asked about
  error = sys::unlink(path);
  if (error < 0 && error != -ENOENT) return fail_errno("unlink", -error);
  return {};
}

Result<> bind_private(const Socket& socket, const SocketAddress& at) {
  const int descriptor = socket.descriptor();
  // On Linux bind(2) gives the file the socket's own mode, less the umask. So nobody can connect in
  // between, as with chmod(2) afterwards, and other threads are spared a changed umask.
  int error = sys::fchmod(descriptor, 0600);
  if (error < 0) return fail_errno("fchmod", -error);
  error = sys::bind(descriptor, at.get(), at.length);
  if (error < 0) return fail_errno("bind", -error);
  return {};
}

Result<> listen_on(const Socket& socket, Backlog backlog) {
  const int error = sys::listen(socket.descriptor(), backlog.connections);
  if (error < 0) return fail_errno("listen", -error);
  return {};
}

/// Binds `socket` at the path of `at`, and calls `open` on it; if that fails, the file is removed
/// again.
template <class Open>
Result<> take_path(const Address& at, int kind, const Socket& socket, UnixPath& made, Open open) {
  const auto addresses = resolve(at, true, Names::refuse);
  if (!addresses) return std::unexpected(addresses.error());
  const SocketAddress& address = addresses->front();
  if (at.path().starts_with('@')) {  // no file: the kernel frees the name with the socket
    const auto bound = bind_private(socket, address);
    return bound ? open() : bound;
  }

  const std::string path{at.path()};
  const auto lock = PathLock::take(path);
  if (!lock) return std::unexpected(lock.error());
  if (auto removed = remove_stale(path.c_str(), address, kind); !removed) return removed;
  if (auto bound = bind_private(socket, address); !bound) return bound;
  UnixPath file = UnixPath::made_just_now(path);
  if (auto opened = open(); !opened) return opened;
  made = std::move(file);
  return {};
}

}  // namespace

UnixPath::UnixPath(std::string path) noexcept : path_{std::move(path)} {
  struct stat status{};
  if (sys::lstat(path_.c_str(), &status) < 0) return;  // gone already: creator_ 0 removes nothing
  creator_ = sys::getpid();
  device_ = status.st_dev;
  inode_ = status.st_ino;
}

UnixPath::UnixPath(UnixPath&& other) noexcept { *this = std::move(other); }

UnixPath& UnixPath::operator=(UnixPath&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(creator_, other.creator_);
  std::swap(device_, other.device_);
  std::swap(inode_, other.inode_);
  return *this;
}

UnixPath::~UnixPath() {
  if (creator_ == 0 || creator_ != sys::getpid()) return;
  struct stat status{};
  if (sys::lstat(path_.c_str(), &status) < 0) return;
  if (status.st_dev != device_ || status.st_ino != inode_) return;
  (void)sys::unlink(path_.c_str());  // stale then, and replaced by the next server
}

Result<Socket> listen_at_path(const Address& at, Backlog backlog, Blocking blocking,
                              UnixPath& made) {
  if (at.transport() != Transport::unix_stream)
    return fail(Errc::invalid_address, "only unix: addresses can be listened at as a path");
  auto socket = make_stream_socket(AF_UNIX, blocking);
  if (!socket) return socket;
  const auto listening =
      take_path(at, SOCK_STREAM, *socket, made, [&] { return listen_on(*socket, backlog); });
  if (!listening) return std::unexpected(listening.error());
  return socket;
}

Result<Socket> bind_datagrams_at_path(const Address& at, const DatagramOptions& options,
                                      Blocking blocking, UnixPath& made) {
  auto socket = make_datagram_socket(AF_UNIX, options, blocking);
  if (!socket) return socket;
  const auto bound = take_path(at, SOCK_DGRAM, *socket, made, [] { return Result<>{}; });
  if (!bound) return std::unexpected(bound.error());
  return socket;
}

}  // namespace headrace::net
