// Sizes, names and widening of number types. f16 widens eight at a time where the processor has
// F16C, else by integer arithmetic that compilers vectorise.
// SPDX-License-Identifier: Apache-2.0
#include "weights/dtype.h"

#include <bit>
#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

#include "base/check.h"

namespace waterline {

static_assert(std::endian::native == std::endian::little, "weight files are little-endian");

namespace {

template <typename T>
T Load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}

// Exponents are rebiased from 15 to 127. A subnormal becomes 2^-14 plus itself, less 2^-14, which
// normalises it exactly. Signalling NaN become quiet, as F16C makes them.
float WidenF16(uint16_t half) {
  constexpr uint32_t kRebias = (127u - 15u) << 23;
  const uint32_t sign = (half & 0x8000u) << 16;
  const uint32_t magnitude = (half & 0x7fffu) << 13;
  const uint32_t exponent = magnitude & 0x0f800000u;
  const uint32_t normal = magnitude + kRebias;
  const uint32_t quiet = (magnitude & 0x007fffffu) != 0 ? 0x00400000u : 0u;
  const uint32_t special = (magnitude + 2 * kRebias) | quiet;
  const float subnormal = std::bit_cast<float>(magnitude + kRebias + (1u << 23)) -
                          std::bit_cast<float>(kRebias + (1u << 23));
  uint32_t bits = exponent == 0x0f800000u ? special : normal;
  bits = exponent == 0 ? std::bit_cast<uint32_t>(subnormal) : bits;
  return std::bit_cast<float>(sign | bits);
}

void WidenF16Portably(const std::byte* from, float* to, size_t count) {
  for (size_t i = 0; i < count; ++i) to[i] = WidenF16(Load<uint16_t>(from + 2 * i));
}

#if defined(__x86_64__)
__attribute__((target("avx,f16c"))) void WidenF16ByF16c(const std::byte* from, float* to,
                                                        size_t count) {
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + 2 * i));
    _mm256_storeu_ps(to + i, _mm256_cvtph_ps(halves));
  }
  WidenF16Portably(from + 2 * i, to + i, count - i);
}

// cpuid traps to the hypervisor on virtual machines, so it is asked once. Clang 14 does not know
// "f16c" as a feature name.
bool HasF16c() {
  static const bool has = [] {
    unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
    return __builtin_cpu_supports("avx") && __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 &&
           (ecx & bit_F16C) != 0;
  }();
  return has;
}
#endif

void WidenF16All(const std::byte* from, float* to, size_t count) {
#if defined(__x86_64__)
  if (HasF16c()) return WidenF16ByF16c(from, to, count);
#endif
  WidenF16Portably(from, to, count);
}

void WidenBF16All(const std::byte* from, float* to, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    to[i] = std::bit_cast<float>(static_cast<uint32_t>(Load<uint16_t>(from + 2 * i)) << 16);
  }
}

}  // namespace

size_t DtypeBytes(Dtype type) {
  switch (type) {
    case Dtype::kF64:
    case Dtype::kI64:
      return 8;
    case Dtype::kF32:
    case Dtype::kI32:
      return 4;
    case Dtype::kF16:
    case Dtype::kBF16:
    case Dtype::kI16:
      return 2;
    case Dtype::kI8:
    case Dtype::kU8:
    case Dtype::kBool:
      return 1;
  }
  return 0;
}

const char* DtypeName(Dtype type) {
  switch (type) {
    case Dtype::kF32:
      return "f32";
    case Dtype::kF16:
      return "f16";
    case Dtype::kBF16:
      return "bf16";
    case Dtype::kF64:
      return "f64";
    case Dtype::kI64:
      return "i64";
    case Dtype::kI32:
      return "i32";
    case Dtype::kI16:
      return "i16";
    case Dtype::kI8:
      return "i8";
    case Dtype::kU8:
      return "u8";
    case Dtype::kBool:
      return "bool";
  }
  return "?";
}

bool IsFloat(Dtype type) {
  return type == Dtype::kF32 || type == Dtype::kF16 || type == Dtype::kBF16;
}

void ToF32(Dtype type, const std::byte* from, float* to, size_t count) {
  WATERLINE_CHECK(IsFloat(type));
  if (count == 0) return;
  if (type == Dtype::kF16) {
    WidenF16All(from, to, count);
  } else if (type == Dtype::kBF16) {
    WidenBF16All(from, to, count);
  } else {
    std::memcpy(to, from, count * sizeof(float));
  }
}

}  // namespace waterline
