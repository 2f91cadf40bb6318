// SPDX-License-Identifier: Apache-2.0
#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace waterline {

void CheckFailed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "waterline: broken invariant: %s (%s:%d)\n", condition, file, line);
  std::abort();
}

}  // namespace waterline
