// How well a relation joins a head and a tail, by the scorers of knowledge graph embeddings.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace waterline {

// The values of triples_layer that are known. Those of the reference that have parameters are not
// among them: it builds them for 768 columns whatever the model's width is, so that no other model
// can use one, and no published model does.
std::span<const std::string_view> TripleScorers();

// The score of head h, relation r and tail t, [width] each; for `name` of TripleScorers().
//
//   UM, SE, TransE   -min(|v|, 10), v = h - t, r (h - t), h + r - t (this one in the 1-norm)
//   DistMult         sum of h r t
//   DistMA           h.r + h.t + r.t
//   SimplE           (h1 r1 t2 + t1 r2 h2) / 2, halves
//   ComplEx          the real part of h r conj(t), real and imaginary halves
//   QuatE            the Hamilton product h r, dotted with t, quarters
//   HolE             r . the circular correlation of h and t
//
// Oracle  gliner modeling/multitask/triples_layers.py. In double.
double TripleScore(std::string_view name, const float* h, const float* r, const float* t,
                   int64_t width);

}  // namespace waterline
