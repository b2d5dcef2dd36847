// SPDX-License-Identifier: MIT
//
// `headrace models`: the library's table of models, for a person or as JSON.
//
// Everything shown comes from that table and from asking the kernel (`can_run`); nothing about a
// model is said here.
#include "models_command.hpp"

#include <algorithm>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "headrace/model.hpp"
#include "headrace/serve.hpp"
#include "output.hpp"

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
  return *failure.call == '\0' ? failure.reason() : failure.call;
}

std::string workers_of(const ModelInfo& model) {
  if (model.workers.empty()) return "-";
  return fmt::format("{} {}", model.default_workers, workers_text(model, model.default_workers));
}

std::string as_text(const ModelInfo& model) {
  const std::string why_not = obstacle(model);
  const std::string here = why_not.empty() ? "yes" : model.built ? "no: " + why_not : why_not;
  std::string text = fmt::format("{:<12} {:<23} {:<12} {:<12} {}{}\n", model.name,
                                 to_text(model.launcher), to_text(model.engine), workers_of(model),
                                 here, is_default(model) ? " (default)" : "");
  if (!model.summary.empty()) text += fmt::format("    {}\n", model.summary);
  if (!model.limit.empty()) text += fmt::format("    limit: {}\n", model.limit);
  return text;
}

Json as_json(const ModelInfo& model) {
  const std::string why_not = obstacle(model);
  Json row{{"name", model.name},
           {"launcher", to_text(model.launcher)},
           {"engine", to_text(model.engine)},
           {"workers", nullptr},
           {"summary", model.summary},
           {"limit", model.limit},
           {"default", is_default(model)},
           {"built", model.built},
           {"runs_here", why_not.empty()},
           {"why_not", nullptr}};
  if (!model.workers.empty())
    row["workers"] = {{"unit", model.workers}, {"default", model.default_workers}};
  if (!why_not.empty()) row["why_not"] = why_not;
  return row;
}

}  // namespace

int run_models(const ModelsArguments& arguments) {
  if (arguments.json) {
    Json models = Json::array();
    for (const ModelInfo& model : all_models()) models.push_back(as_json(model));
    return print(Json{{"models", models}}.dump(2) + '\n');
  }
  std::string text = fmt::format("{:<12} {:<23} {:<12} {:<12} {}\n", "MODEL", "LAUNCHER", "ENGINE",
                                 "WORKERS", "RUNS HERE");
  for (const ModelInfo& model : all_models()) text += as_text(model);
  return print(text);
}

}  // namespace headrace::tool
