// The operand of ldtilecfg.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace waterline {
namespace {

struct alignas(64) AmxConfig {
  uint8_t palette = 1;
  uint8_t first_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {};  // The machine has eight tiles; the others must be zero.
  uint8_t rows[16] = {};
};
static_assert(sizeof(AmxConfig) == 64);

}  // namespace
}  // namespace waterline
