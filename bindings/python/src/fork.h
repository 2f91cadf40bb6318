// What a process that was forked has of the engine: its memory, and none of its threads.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace waterline::python {

// Begins to count. Called once, when the module is loaded.
void WatchForks();

// How many forks lie between the process that loaded the module and this one. What was made under
// another number has threads that are not here: it can be read, but not run, and not destroyed.
int ForkCount();

}  // namespace waterline::python
