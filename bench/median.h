// SPDX-License-Identifier: MIT
//
// The median of what some rounds of a measurement came to.
#pragma once

#include <stdlib.h>
#include <string.h>

enum { most_rounds = 1000 };

static int ascending(const void* a, const void* b) {
  const double x = *(const double*)a, y = *(const double*)b;
  return (x > y) - (x < y);
}

static double median(const double* values, int count) {
  double sorted[most_rounds];
  memcpy(sorted, values, (size_t)count * sizeof *values);
  qsort(sorted, (size_t)count, sizeof *sorted, ascending);
  return count % 2 != 0 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
}
