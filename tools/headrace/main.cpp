// SPDX-License-Identifier: MIT
//
// The program's start: descriptors 0, 1 and 2 made sure of, then the command line.
#include <fcntl.h>
#include <unistd.h>

#include "command_line.hpp"

namespace {

// Somebody may have closed stderr (`2>&-`). The next socket opened would then be descriptor 2, and
// the log would be written to a client.
void fill_standard_descriptors() {
  int descriptor = ::open("/dev/null", O_RDWR);
  while (descriptor >= 0 && descriptor <= STDERR_FILENO) descriptor = ::dup(descriptor);
  if (descriptor > STDERR_FILENO) (void)::close(descriptor);
}

}  // namespace

int main(int argc, char** argv) {
  fill_standard_descriptors();
  return headrace::tool::run_command_line(argc, argv);
}
