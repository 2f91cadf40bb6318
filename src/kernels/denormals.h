// Denormal numbers off: they cost a hundred times the time of others and mean nothing here.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace waterline {

// Makes this thread read and write denormal floats as zero, until it ends. Every thread that runs
// kernels calls it once. Does nothing on a machine without the setting.
void SetFlushDenormals();

}  // namespace waterline
