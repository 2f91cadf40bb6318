// SPDX-License-Identifier: Apache-2.0
#include "fork.h"

#include <pthread.h>

#include <atomic>

namespace waterline::python {
namespace {

std::atomic<int>& Forks() {
  static std::atomic<int> forks = 0;
  return forks;
}

}  // namespace

void WatchForks() {
  Forks();
  pthread_atfork(nullptr, nullptr, [] { ++Forks(); });
}

int ForkCount() { return Forks(); }

}  // namespace waterline::python
