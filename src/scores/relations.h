// Entities -> relations: which pairs are looked at, and how each relation scores on them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "checkpoint/config.h"
#include "ops/binder.h"
#include "ops/ops.h"
#include "scores/mlp.h"
#include "waterline/result.h"

namespace waterline {

// The relation part of a model; see relations.cc. Immutable; safe from any thread.
class Relations {
 public:
  // Errors: kUnsupported  a triples_layer that is not known here; names it and those that are.
  static Result<std::unique_ptr<Relations>> Make(const GlinerConfig& config, Binder weights);

  // For E entities and R relations.
  struct Pairs {
    Mat adjacency;  // [E, E] probability that i and j are related at all; empty: every pair is.
    Mat logits;     // [E, E R]: of head i, tail j and relation r at i, j R + r.
  };
  // `entities` [E, D], `relations` [R, D]; E > 0 and R > 0.
  Pairs Forward(Ops& ops, MatView entities, MatView relations) const;

  // Whether a pair's adjacency depends on entities that are not in it.
  bool sees_all() const;

 private:
  enum class Layer { kNone, kDot, kMlp, kBilinear, kAttention, kGcn, kGat };

  Mat Adjacency(Ops& ops, MatView entities) const;
  Mat Attended(Ops& ops, MatView entities) const;
  Mat Convolved(Ops& ops, MatView entities) const;
  Mat PairLogits(Ops& ops, MatView entities, MatView relations) const;
  Mat TripleLogits(Ops& ops, MatView entities, MatView relations) const;
  // All in host memory.
  void ScoreTriples(MatView entities, MatView relations, MatView logits) const;

  int64_t width_ = 0;  // D
  Layer layer_ = Layer::kNone;
  // Of the layers: mlp's first map by its halves, and its second, folded; bilinear's and gcn's
  // projection; attention's and gat's queries, keys and values and gat's output map; gcn's and
  // gat's linear map.
  std::optional<Weight> head_, tail_, out_;
  std::optional<Weight> projection_, qkv_, attended_, linear_;
  // Of the scores of pairs: pair_rep_layer's first map by its halves, and its second, folded.
  std::optional<Weight> pair_head_, pair_tail_, pair_fold_;
  std::string triples_;  // Instead of these.
};

}  // namespace waterline
