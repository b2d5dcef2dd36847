// SPDX-License-Identifier: MIT
//
// Words into values. The names come from the library's table of models; only services are named
// here.
#include "values.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "headrace/address.hpp"
#include "suggest.hpp"

namespace headrace::tool {

namespace {

constexpr std::array<std::string_view, 5> kServices{"echo", "discard", "reply", "talk", "chat"};
constexpr std::uint64_t kMostWorkers = 1024;

template <class... Parts>
std::unexpected<std::string> wrong(fmt::format_string<Parts...> form, Parts&&... parts) {
  return std::unexpected(fmt::format(form, std::forward<Parts>(parts)...));
}

template <class Has>
std::vector<std::string_view> models_that(const Has& has) {
  std::vector<std::string_view> names;
  for (const ModelInfo& model : all_models())
    if (has(model)) names.push_back(model.name);
  return names;
}

Parsed<Deadline> parse_positive(std::string_view text, std::string_view instead) {
  const auto duration = parse_duration(text);
  if (!duration) return std::unexpected(duration.error());
  if (duration->count() == 0) return wrong("'{}' is no time at all{}", text, instead);
  return Deadline::after(*duration);
}

}  // namespace

std::vector<std::string_view> built_models() {
  return models_that([](const ModelInfo& model) { return model.built; });
}

Parsed<Model> parse_model(std::string_view text) {
  const ModelInfo* const model = find_model(text);
  if (model == nullptr) {
    const auto names = models_that([](const ModelInfo&) { return true; });
    const std::string guess = did_you_mean(text, names);
    return wrong("no model is called '{}'{}", text,
                 guess.empty() ? fmt::format("; there are {}", listed(names, "and")) : guess);
  }
  if (!model->built)
    return wrong("'{}' is not in this version yet; it has {}", text, listed(built_models(), "and"));
  return model->model;
}

Parsed<Model> parse_model_or_auto(std::string_view text) {
  return text == "auto" ? best_model() : parse_model(text);
}

Parsed<std::string> parse_service(std::string_view text) {
  if (std::ranges::find(kServices, text) != kServices.end()) return std::string{text};
  const std::string guess = did_you_mean(text, kServices);
  return wrong(
      "no service is called '{}'{}", text,
      guess.empty() ? fmt::format("; this version has {}", listed(kServices, "and")) : guess);
}

Parsed<Workers> parse_workers(std::string_view text) {
  if (text == "auto") return Workers::automatic();
  const auto count = parse_count(text, 1, kMostWorkers);
  if (!count) return wrong("{}; write a number of workers, or auto", count.error());
  return Workers{static_cast<unsigned>(*count)};
}

Parsed<Limit> parse_limit(std::string_view text) {
  if (text == "none") return Limit::none();
  const auto count = parse_count(text, 1, std::numeric_limits<std::uint32_t>::max());
  if (!count) return wrong("{}; write a number of connections, or none", count.error());
  return Limit{static_cast<std::uint32_t>(*count)};
}

Parsed<Deadline> parse_idle_timeout(std::string_view text) {
  if (text == "never") return Deadline::never();
  return parse_positive(text, "; write never for no limit");
}

Parsed<Deadline> parse_interval(std::string_view text) {
  if (const auto seconds = parse_count(text, 0, 1'000'000); seconds && !text.empty())
    return parse_positive(fmt::format("{}s", *seconds), "");
  return parse_positive(text, "");
}

Parsed<std::string> parse_listen_address(std::string_view text) {
  if (text.starts_with('/'))  // what Address::parse says of it names another path
    return wrong("'{0}' is no address: a path needs 'unix:' before it; did you mean 'unix:{0}'?",
                 text);
  const auto address = Address::parse(text);
  if (!address) return wrong("'{}' is no address: {}", text, address.error().call);
  return std::string{text};
}

Parsed<std::string> parse_stream_address(std::string_view text) {
  auto address = parse_listen_address(text);
  if (!address || Address::parse(text)->is_stream()) return address;
  return wrong("'{}': datagrams are not in this version of it yet; use tcp:// or unix:", text);
}

Parsed<LogFormat> parse_log_format(std::string_view text) {
  if (text == "text") return LogFormat::text;
  if (text == "json") return LogFormat::json;
  constexpr std::array<std::string_view, 2> kFormats{"text", "json"};
  const std::string guess = did_you_mean(text, kFormats);
  return wrong("no log format is called '{}'{}", text,
               guess.empty() ? "; write text or json" : guess);
}

Parsed<Workers> check_workers(Workers workers, Model model) {
  const ModelInfo& row = info(model);
  if (workers.is_by_model()) return workers;
  if (row.workers.empty()) {
    const auto others =
        models_that([](const ModelInfo& other) { return other.built && !other.workers.empty(); });
    return wrong("model {} has no workers; they are for {}", row.name, listed(others, "and"));
  }
  if (workers.is_automatic() && row.launcher != LauncherKind::event_loop)
    return wrong("auto is for event loops; write how many {} model {} may use", row.workers,
                 row.name);
  return workers;
}

Parsed<Workers> check_one_at_a_time(std::string_view service, Workers workers) {
  if (service != "talk" || workers.is_by_model()) return workers;
  if (!workers.is_automatic() && workers.count() == 1) return workers;
  return wrong("talk serves one client after another; leave it out, or write 1");
}

}  // namespace headrace::tool
