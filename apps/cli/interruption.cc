// A signal handler can reach nothing but globals: the signal, and a pipe that wakes those who poll.
// SPDX-License-Identifier: Apache-2.0
#include "interruption.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

namespace waterline::cli {
namespace {

std::atomic<int> received{0};
std::atomic<int> pipe_ends[2] = {-1, -1};
static_assert(std::atomic<int>::is_always_lock_free);

void Receive(int signal) {
  const int kept_errno = errno;
  received = signal;
  const char byte = 0;
  [[maybe_unused]] const ssize_t written = write(pipe_ends[1], &byte, 1);
  errno = kept_errno;
}

}  // namespace

void CatchInterruptions() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0) {
    pipe_ends[0] = ends[0];
    pipe_ends[1] = ends[1];
  }
  struct sigaction action {};
  action.sa_handler = Receive;
  action.sa_flags = static_cast<int>(SA_RESETHAND);  // The second one ends the program.
  for (const int signal : {SIGINT, SIGTERM}) {
    struct sigaction before {};
    // Who starts a program in the background ignores SIGINT for it.
    if (sigaction(signal, nullptr, &before) == 0 && before.sa_handler == SIG_IGN) continue;
    sigaction(signal, &action, nullptr);
  }
}

int InterruptionSignal() { return received; }

int InterruptionDescriptor() { return pipe_ends[0]; }

}  // namespace waterline::cli
