// SPDX-License-Identifier: MIT
//
// A resolver that says what a test wants, or nothing for as long as it wants.
#include "names.hpp"

#include <condition_variable>
#include <map>
#include <mutex>
#include <string_view>

#include <dlfcn.h>
#include <netdb.h>

namespace headrace::conformance {

namespace {

struct Book {
  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::string, std::vector<std::string>> addresses;
  bool silent = false;
  unsigned questions = 0;
};

// Never destroyed: a look-up that nobody waits for may outlive main.
Book& book() {
  static Book& one = *new Book;
  return one;
}

}  // namespace

void set_addresses(const std::string& name, std::vector<std::string> addresses) {
  const std::lock_guard lock{book().mutex};
  book().addresses[name] = std::move(addresses);
}

SilentServer::SilentServer() {
  const std::lock_guard lock{book().mutex};
  book().silent = true;
  book().questions = 0;
}

SilentServer::~SilentServer() {
  const std::lock_guard lock{book().mutex};
  book().silent = false;
  book().changed.notify_all();
}

bool SilentServer::is_asked() const {
  const std::lock_guard lock{book().mutex};
  return book().questions != 0;
}

}  // namespace headrace::conformance

namespace {

using headrace::conformance::book;

int c_library(const char* host, const char* service, const addrinfo* hints, addrinfo** found) {
  using Function = int (*)(const char*, const char*, const addrinfo*, addrinfo**);
  static const auto next = reinterpret_cast<Function>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  return next(host, service, hints, found);
}

// The answers for several addresses are one list, as freeaddrinfo(3) takes it.
int answer(const std::vector<std::string>& addresses, addrinfo hints, addrinfo** found) {
  hints.ai_flags = AI_NUMERICHOST;
  addrinfo** end = found;
  *end = nullptr;
  for (const std::string& address : addresses) {
    if (const int error = c_library(address.c_str(), nullptr, &hints, end); error != 0)
      return error;
    while (*end != nullptr) end = &(*end)->ai_next;
  }
  return addresses.empty() ? EAI_NONAME : 0;
}

int test_name(const std::string& host, const addrinfo& hints, addrinfo** found) {
  std::unique_lock lock{book().mutex};
  if (host != "never.test") return answer(book().addresses[host], hints, found);
  ++book().questions;
  book().changed.wait(lock, [] { return !book().silent; });
  return EAI_NONAME;
}

}  // namespace

extern "C" int getaddrinfo(const char* host, const char* service, const addrinfo* hints,
                           addrinfo** found) {
  if (host != nullptr && std::string_view{host}.ends_with(".test") &&
      (hints->ai_flags & AI_NUMERICHOST) == 0)
    return test_name(host, *hints, found);
  return c_library(host, service, hints, found);
}
