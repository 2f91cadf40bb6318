// Ctrl-C and SIGTERM as a request to stop after the texts in flight. A second one ends the program
// at once. SPDX-License-Identifier: Apache-2.0
#pragma once

namespace waterline::cli {

// From here on SIGINT and SIGTERM are requests. Not safe beside other threads; once a process.
void CatchInterruptions();

// The signal that asked to stop; 0: none did.
int InterruptionSignal();

// Readable from the moment on that somebody asked to stop, for poll; -1 before CatchInterruptions.
int InterruptionDescriptor();

}  // namespace waterline::cli
