// SPDX-License-Identifier: MIT
//
// What a service cannot do without, held against what a model has. Not here: how one client at a
// time is kept to (acceptor.cpp, event_loop.cpp).
#include "models/server.hpp"

namespace headrace::models {

namespace {

bool shares_memory(const ModelInfo& model) noexcept {
  return model.launcher != LauncherKind::process_per_connection &&
         model.launcher != LauncherKind::prefork;
}

bool serves_datagrams(const ModelInfo& model) noexcept {
  return model.launcher != LauncherKind::process_per_connection &&
         model.launcher != LauncherKind::thread_per_connection;
}

/// Whether a client that stays keeps nobody else out.
bool has_company(const ModelInfo& model) noexcept {
  return shares_memory(model) && model.launcher != LauncherKind::iterative &&
         model.launcher != LauncherKind::thread_pool;
}

/// "iterative, thread, pool or epoll-edge".
std::string those_that(bool (*can)(const ModelInfo&) noexcept) {
  std::string list;
  std::string_view last;
  for (const ModelInfo& model : all_models()) {
    if (!model.built || !can(model)) continue;
    if (!last.empty()) list.append(list.empty() ? "" : ", ").append(last);
    last = model.name;
  }
  return list.append(" or ").append(last);
}

}  // namespace

std::string why_not(const Service& service, const ModelInfo& model, Workers workers) {
  if (service.needs != Needs::nothing && !shares_memory(model))
    return "the service needs memory that its clients share, and under model " +
           std::string{model.name} + " each has a process of its own; use " +
           those_that(service.needs == Needs::company ? has_company : shares_memory);
  if (service.needs == Needs::company && !has_company(model))
    return "the clients of the service are there for each other, and under model " +
           std::string{model.name} + " one who stays keeps others out; use " +
           those_that(has_company);
  const bool one_worker =
      workers.is_by_model() || (!workers.is_automatic() && workers.count() == 1);
  if (service.concurrency == Concurrency::one && !one_worker)
    return "the service takes one client at a time and has no use for several workers";
  return "";
}

std::string why_not_here(const ModelInfo& model) {
  if (detail::is_everywhere(model.engine)) return "";
  const auto possible = can_run(model.model);
  if (possible || possible.error().code != Errc::not_supported) return "";
  const ModelInfo* nearest = &model;
  while (nearest != all_models().data() && !can_run(nearest->model)) --nearest;
  return "model " + std::string{model.name} + " does not run here: " + possible.error().call +
         "; use " + std::string{nearest->name};
}

std::string why_not_at(const Service& service, const ModelInfo& model, unsigned workers,
                       bool streams, bool datagrams) {
  if (streams && !service.has_streams())
    return "the service is for datagrams only; give it udp:// or unix-datagram: addresses";
  if (!datagrams) return "";
  if (!service.has_datagrams())
    return "the service is for connections, and datagrams have none; give it tcp:// or unix: "
           "addresses";
  const std::string name{model.name};
  if (!serves_datagrams(model))
    return "model " + name +
           (model.launcher == LauncherKind::thread_per_connection ? " makes a thread"
                                                                  : " makes a process") +
           " for each connection, and datagrams have none; use " + those_that(serves_datagrams);
  if (!streams || model.launcher == LauncherKind::event_loop) return "";
  if (model.launcher == LauncherKind::iterative)
    return "model iterative waits at one place: it serves connections or datagrams, not both; use "
           "one server for each, or an event loop such as epoll-edge";
  if (workers < 2)
    return "under model " + name +
           " a worker serves connections or datagrams: for both there must be 2 at least";
  return "";
}

}  // namespace headrace::models
