// SPDX-License-Identifier: Apache-2.0
#include "scores/triples.h"

#include <algorithm>
#include <cmath>

namespace waterline {
namespace {

constexpr std::string_view kScorers[] = {"UM",     "SE",      "TransE", "DistMult", "DistMA",
                                         "SimplE", "ComplEx", "QuatE",  "HolE"};

// Σ_i (a_i b_i) c_i of parts of three vectors.
double Triple(const float* a, const float* b, const float* c, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += static_cast<double>(a[i]) * b[i] * c[i];
  return sum;
}

}  // namespace

std::span<const std::string_view> TripleScorers() { return kScorers; }

double TripleScore(std::string_view name, const float* h, const float* r, const float* t,
                   int64_t width) {
  // -min(|v|_p, 10) of the vector of terms, p = 1 or 2.
  const auto nearness = [&](const auto& term, int p) {
    double sum = 0;
    for (int64_t i = 0; i < width; ++i) sum += p == 1 ? std::abs(term(i)) : term(i) * term(i);
    return -std::min(p == 1 ? sum : std::sqrt(sum), 10.0);
  };
  const int64_t half = width / 2, quarter = width / 4;
  if (name == "UM") return nearness([&](int64_t i) { return double{h[i]} - t[i]; }, 2);
  if (name == "SE") return nearness([&](int64_t i) { return (double{h[i]} - t[i]) * r[i]; }, 2);
  if (name == "TransE") return nearness([&](int64_t i) { return double{h[i]} + r[i] - t[i]; }, 1);
  if (name == "DistMult") return Triple(h, r, t, width);
  if (name == "DistMA") {
    double sum = 0;
    for (int64_t i = 0; i < width; ++i) {
      sum += double{h[i]} * r[i] + double{h[i]} * t[i] + double{r[i]} * t[i];
    }
    return sum;
  }
  if (name == "SimplE") {
    return 0.5 * (Triple(h, r, t + half, half) + Triple(t, r + half, h + half, half));
  }
  if (name == "ComplEx") {
    return Triple(h, r, t, half) + Triple(h, r + half, t + half, half) +
           Triple(h + half, r, t + half, half) - Triple(h + half, r + half, t, half);
  }
  if (name == "QuatE") {  // The Hamilton product h r, dotted with t.
    constexpr struct {
      int h, r, t, sign;
    } kTerms[] = {{0, 0, 0, 1}, {1, 1, 0, -1}, {2, 2, 0, -1}, {3, 3, 0, -1},
                  {0, 1, 1, 1}, {1, 0, 1, 1},  {2, 3, 1, 1},  {3, 2, 1, -1},
                  {0, 2, 2, 1}, {1, 3, 2, -1}, {2, 0, 2, 1},  {3, 1, 2, 1},
                  {0, 3, 3, 1}, {1, 2, 3, 1},  {2, 1, 3, -1}, {3, 0, 3, 1}};
    double sum = 0;
    for (const auto& term : kTerms) {
      sum += term.sign *
             Triple(h + term.h * quarter, r + term.r * quarter, t + term.t * quarter, quarter);
    }
    return sum;
  }
  // HolE: the relation with the circular correlation of head and tail.
  double sum = 0;
  for (int64_t d = 0; d < width; ++d) {
    double correlation = 0;
    for (int64_t i = 0; i < width; ++i) correlation += double{h[i]} * t[(i + d) % width];
    sum += r[d] * correlation;
  }
  return sum;
}

}  // namespace waterline
