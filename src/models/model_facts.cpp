// SPDX-License-Identifier: MIT
//
// What a person wants to know of a model before choosing it: what a message costs, and why. In
// words: figures are measured on the machine in question (`headrace bench`), not remembered here.
#include <array>

#include "headrace/model.hpp"

namespace headrace {

namespace {

constexpr std::string_view kTwoCalls = "recv + send";

// In the order of Model.
constexpr std::array kFacts{
    ModelFacts{"single-process server", kTwoCalls, "nobody else is served meanwhile"},
    ModelFacts{"multi-process server", kTwoCalls,
               "a fork for each client; a switch of processes for each message"},
    ModelFacts{"", kTwoCalls, "a switch of processes for each message; children that idle"},
    ModelFacts{"multi-thread server", kTwoCalls,
               "a thread and its stack for each client; a switch of threads for each message"},
    ModelFacts{"", kTwoCalls, "a switch of threads for each message; threads that idle"},
    ModelFacts{"non-blocking server", "recv + send, and a recv of every client in every round",
               "every client is asked in every round, also when nobody says anything"},
    ModelFacts{"select server, with and without write list", "recv + send + select/1 batch",
               "three sets copied and looked through for each batch; grows with the highest "
               "descriptor"},
    ModelFacts{"poll server", "recv + send + poll/1 batch",
               "a list of every client copied and looked through for each batch"},
    ModelFacts{"epoll LT", "recv + send + epoll_wait/1 batch", "only clients that talk cost"},
    ModelFacts{"epoll ET server", "recv + send + epoll_wait/1 batch",
               "only clients that talk cost; a short read saves the recv that finds nothing"},
    ModelFacts{"", "io_uring_enter/1 batch",
               "only clients that talk cost; no system call of a message's own"},
};
static_assert(kFacts.size() == static_cast<std::size_t>(Model::io_uring) + 1);

}  // namespace

const ModelFacts& facts(Model model) noexcept { return kFacts[static_cast<std::size_t>(model)]; }

}  // namespace headrace
