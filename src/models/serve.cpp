// SPDX-License-Identifier: MIT
//
// serve(): checks what it is asked for, opens the doors, makes the table, hands over to the
// launcher, counts up.
#include "headrace/serve.hpp"

#include <algorithm>
#include <cerrno>
#include <new>
#include <type_traits>

#include <sched.h>
#include <sys/resource.h>

#include "models/door_addresses.hpp"
#include "models/server_control.hpp"

namespace headrace {

using models::Door;
using models::Server;
using models::Stop;

AddressList::AddressList(std::span<const std::string_view> many) noexcept
    : many_{many.data()}, count_{many.size()} {}

std::span<const std::string_view> AddressList::texts() const noexcept {
  return {many_ == nullptr ? &one_ : many_, count_};
}

namespace models {

namespace {

constexpr std::uint32_t kSparedDescriptors =
    64;  // for engines, listeners, logs and whatever else the program opens

enum class ExitStatus : int { done = 0, failed = 1, usage = 2 };

/// The descriptor limit, raised as far as it goes.
std::uint32_t descriptor_limit() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  if (limit.rlim_cur < limit.rlim_max) {
    const rlimit raised{limit.rlim_max, limit.rlim_max};
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  return static_cast<std::uint32_t>(std::min<rlim_t>(limit.rlim_cur, 1'000'000));
}

Limits limits_for(const ServeOptions& options) noexcept {
  const std::uint32_t descriptors = descriptor_limit();
  const std::uint32_t possible =
      descriptors > 2 * kSparedDescriptors ? descriptors - kSparedDescriptors : descriptors;
  const Limit total = options.max_connections;
  const Limit each = options.max_per_address;
  return {.total = total.is_automatic() ? possible
                   : total.is_none()    ? descriptors  // accepting pauses before that is reached
                                        : total.number(),
          .per_address = each.is_automatic() ? 256
                         : each.is_none()    ? ~0U
                                             : each.number(),
          .exempts_local = each.is_automatic()};
}

/// How many workers, or 0 for a number that makes no sense under the model.
unsigned workers_for(const Service& service, const ServeOptions& options,
                     const ModelInfo& model) noexcept {
  if (service.concurrency == Concurrency::one && options.workers.is_by_model()) return 1;
  if (options.workers.is_by_model()) return std::max(1U, model.default_workers);
  const bool loops = model.launcher == LauncherKind::event_loop;
  if (options.workers.is_automatic()) {
    cpu_set_t cores;
    const bool known = ::sched_getaffinity(0, sizeof cores, &cores) == 0;
    return !loops ? 0 : known ? static_cast<unsigned>(CPU_COUNT(&cores)) : 1;
  }
  const unsigned count = options.workers.count();
  return model.default_workers == 0 && count != 1 ? 0 : std::min(count, 1024U);
}

Result<> open_unix_door(const Address& at, unsigned sockets, Backlog backlog,
                        std::vector<Door>& doors) {
  Door door{at};
  auto socket = net::listen_at_path(at, backlog, net::Blocking::no, door.path);
  if (!socket) return std::unexpected(socket.error());
  door.sockets.push_back(std::move(*socket));
  while (door.sockets.size() < sockets) {  // workers share it: there is no SO_REUSEPORT for paths
    const int copy = sys::duplicate(door.sockets[0].descriptor());
    if (copy < 0) return fail_errno("dup", -copy);
    door.sockets.emplace_back(copy);
  }
  doors.push_back(std::move(door));
  return {};
}

Result<std::uint16_t> open_tcp_door(const Address& at, net::SocketAddress to, unsigned sockets,
                                    Backlog backlog, std::vector<Door>& doors) {
  Door door{at};
  for (unsigned index = 0; index < sockets; ++index) {
    const auto sharing = index == 0 ? net::Sharing::first : net::Sharing::join;
    auto socket = net::listen_at(to, backlog, sharing, net::Blocking::no);
    if (!socket) return std::unexpected(socket.error());
    const auto bound = net::local_address(socket->descriptor());
    if (!bound) return std::unexpected(bound.error());
    to = *bound;  // with the port that the kernel chose, for the next worker
    door.sockets.push_back(std::move(*socket));
  }
  door.address = net::to_address(to, at.transport());
  doors.push_back(std::move(door));
  return doors.back().address.port();
}

Result<> open_door(const Address& at, unsigned sockets, const ServeOptions& options, int stopper,
                   std::vector<Door>& doors) {
  if (at.is_unix()) return open_unix_door(at, sockets, options.backlog, doors);
  return open_each(at, stopper, [&](const net::SocketAddress& one) {
    return open_tcp_door(at, one, sockets, options.backlog, doors);
  });
}

bool open_doors(const ServeOptions& options, unsigned sockets, std::vector<Door>& doors,
                DatagramDoors& datagrams) {
  const int stopper = options.stopper == nullptr ? -1 : options.stopper->descriptor();
  for (const std::string_view text : options.listen.texts()) {
    const Address address = *Address::parse(text);  // it has been looked at
    const auto opened = address.is_stream()
                            ? open_door(address, sockets, options, stopper, doors)
                            : open_datagram_doors(address, sockets, stopper, datagrams);
    if (opened) continue;
    options.events->failed(AddressText{address}, opened.error());
    return false;
  }
  for (const DatagramDoor& door : datagrams.doors)
    if (const auto bound = net::local_address(door.sockets[0].descriptor()))
      datagrams.endpoints.push_back(net::to_endpoint(*bound));
  return true;
}

ExitStatus refuse(const ServeOptions& options, const char* why, Errc code = Errc::not_supported) {
  options.events->failed("", {why, 0, code});
  return ExitStatus::usage;
}

void launch(Server& server) {
  switch (server.model.launcher) {
    case LauncherKind::iterative:
      return run_iterative(server);
    case LauncherKind::process_per_connection:
      return run_process_per_connection(server);
    case LauncherKind::prefork:
      return run_prefork(server);
    case LauncherKind::thread_per_connection:
      return run_thread_per_connection(server);
    case LauncherKind::thread_pool:
      return run_thread_pool(server);
    case LauncherKind::event_loop:
      return run_event_loops(server);
  }
}

struct Unmap {
  void operator()(Stop* stop) const noexcept { sys::unmap_memory(stop, sizeof(Stop)); }
};

/// In memory that children share: they read there that they are to stop.
std::unique_ptr<Stop, Unmap> make_stop(int signals, int stopper, std::chrono::nanoseconds drain) {
  static_assert(std::is_trivially_destructible_v<Stop>);
  void* const memory = sys::map_memory(sizeof(Stop), true);
  if (memory == nullptr) return nullptr;
  return std::unique_ptr<Stop, Unmap>{new (memory) Stop{signals, stopper, drain}};
}

ExitStatus fail_start(const ServeOptions& options, const Failure& failure) {
  options.events->failed("", failure);
  return ExitStatus::failed;
}

ExitStatus serve_at(const Service& service, const ServeOptions& options, const ModelInfo& model,
                    unsigned workers, std::vector<Door>& doors, DatagramDoors& datagrams) {
  const auto table = ConnectionTable::make(limits_for(options), *options.events);
  if (table == nullptr) return fail_start(options, {"mmap", ENOMEM, Errc::out_of_memory});
  if (!datagrams.empty()) {
    datagrams.table = DatagramTable::make(datagrams.doors.size(), workers);
    if (datagrams.table == nullptr)
      return fail_start(options, {"mmap", ENOMEM, Errc::out_of_memory});
    table->count_datagrams(*datagrams.table);
  }
  auto repeat = net::RepeatedSignal::make();
  if (!repeat) return fail_start(options, repeat.error());
  const bool blocks = model.engine == EngineKind::blocking;
  std::optional<net::StopSignals> signals;
  if (options.handle_signals) {
    auto caught = net::StopSignals::catch_them(blocks ? &*repeat : nullptr);
    if (!caught) return fail_start(options, caught.error());
    signals.emplace(std::move(*caught));
  }
  const int stopper = options.stopper == nullptr ? -1 : options.stopper->descriptor();
  const auto stop = make_stop(signals ? signals->descriptor() : -1, stopper, options.drain);
  if (stop == nullptr) return fail_start(options, {"mmap", ENOMEM, Errc::out_of_memory});
  ServerControl control{options.control, *table, *stop};
  Server server{.service = service,
                .options = options,
                .model = model,
                .events = *options.events,
                .workers = workers,
                .backlog = net::effective_backlog(options.backlog.connections),
                .doors = doors,
                .datagrams = datagrams,
                .table = *table,
                .stop = *stop,
                .repeat = &*repeat,
                .control = options.control == nullptr ? nullptr : &control};
  if (options.stopper != nullptr && blocks) options.stopper->interrupts(&*repeat);
  launch(server);
  if (options.stopper != nullptr && blocks) options.stopper->interrupts(nullptr);
  options.events->stopped(table->statistics());
  return server.failed ? ExitStatus::failed : ExitStatus::done;
}

/// Whether all of them can be served; nothing if so.
std::optional<ExitStatus> check_addresses(const Service& service, const ServeOptions& options,
                                          const ModelInfo& model, unsigned workers) {
  bool streams = false;
  bool datagrams = false;
  for (const std::string_view text : options.listen.texts()) {
    const auto address = Address::parse(text);
    if (!address) {
      options.events->failed(text, address.error());
      return ExitStatus::usage;
    }
    (address->is_stream() ? streams : datagrams) = true;
  }
  const std::string why = why_not_at(service, model, workers, streams, datagrams);
  if (!why.empty()) return refuse(options, why.c_str());
  return std::nullopt;
}

ExitStatus check_and_serve(const Service& service, const ServeOptions& options) {
  const ModelInfo& model = info(options.model);
  if (!model.built) return refuse(options, "this model is not in this version of headrace yet");
  if (const std::string why = why_not(service, model, options.workers); !why.empty())
    return refuse(options, why.c_str());
  if (const std::string why = why_not_here(model); !why.empty())
    return refuse(options, why.c_str());
  const unsigned workers = workers_for(service, options, model);
  if (workers == 0) return refuse(options, "this model has no workers to choose");
  if (options.listen.texts().empty()) return refuse(options, "there is no address to listen at");
  if (options.backlog.connections < 1) return refuse(options, "the backlog must be at least 1");
  if (const auto usage = check_addresses(service, options, model, workers)) return *usage;
  std::vector<Door> doors;
  DatagramDoors datagrams;
  const bool loops = model.launcher == LauncherKind::event_loop;
  if (!open_doors(options, loops ? workers : 1, doors, datagrams)) return ExitStatus::failed;
  return serve_at(service, options, model, workers, doors, datagrams);
}

}  // namespace
}  // namespace models

int serve(const Service& service, const ServeOptions& options) {
  return static_cast<int>(models::check_and_serve(service, options));
}

}  // namespace headrace
