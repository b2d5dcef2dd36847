// SPDX-License-Identifier: MIT
//
// The words that options take: models, workers, limits, addresses. Each is checked before anything
// is started, and a wrong one is answered with a sentence that says what would be right.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "headrace/model.hpp"
#include "headrace/serve.hpp"
#include "log.hpp"
#include "units.hpp"

namespace headrace::tool {

/// A model that this version has.
[[nodiscard]] Parsed<Model> parse_model(std::string_view text);

/// The same, or `auto`: the one that costs least of those that run here.
[[nodiscard]] Parsed<Model> parse_model_or_auto(std::string_view text);

/// A service that this version has: "echo", "talk".
[[nodiscard]] Parsed<std::string> parse_service(std::string_view text);

/// `auto`, or a number from 1.
[[nodiscard]] Parsed<Workers> parse_workers(std::string_view text);

/// `none`, or a number from 1.
[[nodiscard]] Parsed<Limit> parse_limit(std::string_view text);

/// `never`, or a duration above zero.
[[nodiscard]] Parsed<Deadline> parse_idle_timeout(std::string_view text);

/// A duration above zero, or a plain number of seconds.
[[nodiscard]] Parsed<Deadline> parse_interval(std::string_view text);

/// An address, as it was written.
[[nodiscard]] Parsed<std::string> parse_listen_address(std::string_view text);

/// The same, of a stream.
[[nodiscard]] Parsed<std::string> parse_stream_address(std::string_view text);

/// `text` or `json`.
[[nodiscard]] Parsed<LogFormat> parse_log_format(std::string_view text);

/// Whether `workers` means something under `model`; else a sentence.
[[nodiscard]] Parsed<Workers> check_workers(Workers workers, Model model);

/// Whether `service` can be served by several workers; else a sentence.
[[nodiscard]] Parsed<Workers> check_one_at_a_time(std::string_view service, Workers workers);

/// The models that this version has, in the order of the table.
[[nodiscard]] std::vector<std::string_view> built_models();

}  // namespace headrace::tool
