// SPDX-License-Identifier: MIT
//
// `headrace models`: the library's table of models, for a person or as JSON.
//
// Everything said about a model comes from that table and from asking the kernel (`can_run`). In
// text, a table where there are 80 columns, and paragraphs where there are fewer.
#include "models_command.hpp"

#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "headrace/model.hpp"
#include "headrace/serve.hpp"
#include "machine_limits.hpp"
#include "options.hpp"
#include "output.hpp"
#include "suggest.hpp"

namespace headrace::tool {

namespace {

using Json = nlohmann::ordered_json;

bool is_default(const ModelInfo& model) { return model.model == ServeOptions{}.model; }

// Why it cannot run; "" when it can.
std::string obstacle(const ModelInfo& model) {
  if (!model.built) return "not built yet";
  const auto possible = can_run(model.model);
  if (possible) return "";
  const Failure& failure = possible.error();
  if (*failure.call == '\0') return failure.reason();
  if (failure.code == Errc::not_supported) return failure.call;  // it says what is missing
  return fmt::format("{} ({})", failure.reason(), failure.call);
}

std::string workers_of(const ModelInfo& model) {
  if (model.workers.empty()) return "-";
  return fmt::format("{} {}", model.default_workers, workers_text(model, model.default_workers));
}

std::vector<std::string_view> names_running_here() {
  std::vector<std::string_view> names;
  for (const ModelInfo& model : all_models())
    if (obstacle(model).empty()) names.push_back(model.name);
  return names;
}

// Text.

constexpr std::size_t kIndent = 4;
constexpr std::size_t kTableColumns = 80;

std::string line(std::string_view name, std::string_view text, std::size_t columns) {
  return text.empty() ? "" : paragraph(fmt::format("{}: {}", name, text), kIndent, columns);
}

std::string row(std::string_view model, std::string_view launcher, std::string_view engine,
                std::string_view workers, std::string_view here) {
  return fmt::format("{:<12} {:<23} {:<12} {:<12} {}\n", model, launcher, engine, workers, here);
}

std::string head_of(const ModelInfo& model, std::string_view here, std::size_t columns) {
  if (columns >= kTableColumns)
    return row(model.name, to_text(model.launcher), to_text(model.engine), workers_of(model), here);
  return fmt::format("{}\n", model.name) + line("runs here", here, columns) +
         line("launcher", to_text(model.launcher), columns) +
         line("engine", to_text(model.engine), columns) +
         line("workers", workers_of(model), columns);
}

std::string as_text(const ModelInfo& model, std::size_t columns) {
  const std::string why_not = obstacle(model);
  const bool cannot = model.built && !why_not.empty();
  const std::string here = fmt::format("{}{}",
                                       why_not.empty() ? "yes"
                                       : cannot        ? "no"
                                                       : why_not,
                                       is_default(model) ? " (default)" : "");
  std::string text = head_of(model, here, columns);
  if (cannot)
    text +=
        line("why not",
             fmt::format("{}; these run here: {}", why_not, listed(names_running_here(), "and")),
             columns);
  const ModelFacts& more = facts(model.model);
  return text + paragraph(model.summary, kIndent, columns) +
         line("system calls a message", more.system_calls, columns) +
         line("cost", more.cost, columns) + line("limit", model.limit, columns) +
         line("in courses", more.seed_name, columns);
}

std::string shown(Bound bound) { return bound ? fmt::format("{}", *bound) : "no limit"; }

std::string as_text(const MachineLimits& limits, std::size_t columns) {
  const auto [soft, hard] = limits.descriptors;
  return "\nThis machine\n" +
         line("descriptors of a process (ulimit -n)",
              fmt::format("soft {}, hard {}; {}", shown(soft), shown(hard),
                          soft && *soft < limits.descriptors_raised
                              ? fmt::format("serve raises it to {}", limits.descriptors_raised)
                              : "serve leaves it"),
              columns) +
         line("highest descriptor limit (fs.nr_open)", shown(limits.nr_open), columns) +
         line("open files of all processes (fs.file-max)", shown(limits.file_max), columns) +
         line("processes and threads of a user (ulimit -u)",
              fmt::format("soft {}, hard {}", shown(limits.processes.soft),
                          shown(limits.processes.hard)),
              columns) +
         line("threads of all processes (kernel.threads-max)", shown(limits.threads_max), columns) +
         line("longest backlog (net.core.somaxconn)", shown(limits.somaxconn), columns) +
         line("descriptors that select takes (FD_SETSIZE)",
              fmt::format("{} in the whole process: more workers do not raise it",
                          limits.select_descriptors),
              columns);
}

std::string everything_as_text(std::size_t columns) {
  std::string text;
  if (columns >= kTableColumns) text = row("MODEL", "LAUNCHER", "ENGINE", "WORKERS", "RUNS HERE");
  for (const ModelInfo& model : all_models()) text += as_text(model, columns);
  return text + as_text(machine_limits(), columns);
}

// JSON: keys only ever get added.

Json text_or_null(std::string_view text) { return text.empty() ? Json{} : Json(text); }

Json as_json(const ModelInfo& model) {
  const ModelFacts& more = facts(model.model);
  const std::string why_not = obstacle(model);
  Json row{{"name", model.name},
           {"launcher", to_text(model.launcher)},
           {"engine", to_text(model.engine)},
           {"workers", nullptr},
           {"summary", model.summary},
           {"system_calls", more.system_calls},
           {"cost", more.cost},
           {"limit", model.limit},
           {"seed_name", text_or_null(more.seed_name)},
           {"default", is_default(model)},
           {"built", model.built},
           {"runs_here", why_not.empty()},
           {"why_not", text_or_null(why_not)}};
  if (!model.workers.empty())
    row["workers"] = {{"unit", model.workers}, {"default", model.default_workers}};
  return row;
}

Json as_json(Bound bound) { return bound ? Json(*bound) : Json{}; }

Json as_json(const ResourceLimit& limit) {
  return {{"soft", as_json(limit.soft)}, {"hard", as_json(limit.hard)}};
}

Json as_json(const MachineLimits& limits) {
  Json descriptors = as_json(limits.descriptors);
  descriptors["raised_to"] = limits.descriptors_raised;
  return {{"file_max", as_json(limits.file_max)},
          {"nr_open", as_json(limits.nr_open)},
          {"descriptors", descriptors},
          {"threads_max", as_json(limits.threads_max)},
          {"processes", as_json(limits.processes)},
          {"somaxconn", as_json(limits.somaxconn)},
          {"select_descriptors", limits.select_descriptors}};
}

std::string everything_as_json() {
  Json models = Json::array();
  for (const ModelInfo& model : all_models()) models.push_back(as_json(model));
  return Json{{"models", models}, {"limits", as_json(machine_limits())}}.dump(2) + '\n';
}

}  // namespace

int run_models(const ModelsArguments& arguments) {
  return print(arguments.json ? everything_as_json() : everything_as_text(columns_of_stdout()));
}

int models_command(const Words& words) {
  ModelsArguments arguments;
  Options options{
      "models",
      {.examples = "  headrace models\n  headrace models --json | python3 -m json.tool\n",
       .description =
           "Lists every I/O model: who runs a connection (launcher), how a thread waits (engine),\n"
           "workers by default, system calls a message, cost, limit, and whether it runs here;\n"
           "then what this machine allows: descriptors, threads, the longest backlog."}};
  options.add_flag("--json", arguments.json, "as JSON");
  return options.parse_and_run(words, [&] { return run_models(arguments); });
}

}  // namespace headrace::tool
