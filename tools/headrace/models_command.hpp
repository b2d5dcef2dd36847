// SPDX-License-Identifier: MIT
//
// `headrace models`: every model there is, and whether it runs here.
#pragma once

namespace headrace::tool {

struct ModelsArguments {
  bool json = false;
};

/// Lists them on stdout. The exit status: 0; 1 when stdout could not be written.
[[nodiscard]] int run_models(const ModelsArguments& arguments);

}  // namespace headrace::tool
