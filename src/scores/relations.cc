// Relations between the entities of a text.
//
// Oracle  gliner modeling/base.py, UniEncoderSpanRelexModel;
// modeling/multitask/relations_layers.py,
//         triples_layers.py.
//
//   pairs (i, j), i != j, with A[i,j] > adjacency threshold      A by relations_layer; "none": all
//   logit[i,j,r] = pair([e_i; e_j]) · R[r]                       pair = W2 relu(W1 . + b1) + b2
//                  or a function of e_i, R[r], e_j by triples_layer
//
//   dot        A = sigmoid(e_i · e_j)
//   mlp        A = sigmoid(w relu(W [e_i; e_j] + b) + c)
//   bilinear   A = sigmoid(z_i · z_j), z = projection(e)
//   attention  A = the mean over 8 heads of softmax_j(q_i k_j / sqrt(D / 8))
//   gcn        z = projection(relu(linear(N e))), A = sigmoid(z_i · z_j), with
//              N = S^-1/2 (sigmoid(e eᵀ) + 1) S^-1/2, S the row sums
//   gat        z = linear(8 heads of attention over e), A = sigmoid(z_i · z_j)
//
// W1 = [U V] splits over the pair and W2 folds into the relations, as in span_marker.cc:
//   logit = relu(U e_i + b1 + V e_j) · g_r + h_r
// so that nothing of size E² D exists.
//
// Notation  E entities, R relations, D hidden_size; e [E, D].
// SPDX-License-Identifier: Apache-2.0
#include "scores/relations.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "scores/triples.h"

namespace waterline {
namespace {

constexpr int kHeads = 8;

float Sigmoid(float x) { return 1.f / (1.f + std::exp(-x)); }

// a bᵀ [rows of a, rows of b].
Mat Products(Ops& ops, MatView a, MatView b, const char* name) {
  Mat out(ops.arena(), a.rows, b.rows, name);
  Mat flat(ops.arena(), 1, a.rows * b.rows, name);
  const int32_t rows[] = {0, static_cast<int32_t>(a.rows)};
  const RowRange group[] = {{0, static_cast<int32_t>(b.rows)}};
  const int64_t begins[] = {0, a.rows * b.rows};
  ops.SpanScores({.start = a,
                  .end = {},
                  .labels = b,
                  .word_begins = rows,
                  .label_groups = group,
                  .score_begins = begins,
                  .widths = 1,
                  .only_width = 0,
                  .act = Act::kNone,
                  .scratch = {}},
                 flat);
  ops.Copy({flat.view().data, a.rows, b.rows, b.rows}, out);
  return out;
}

// relu(head_i + tail_j) · labels_r (+ the constant in the last column): [E, E R].
Mat PairProducts(Ops& ops, MatView head, MatView tail, MatView labels, const char* name) {
  const int64_t entities = head.rows;
  Mat flat(ops.arena(), 1, entities * entities * labels.rows, name);
  const int32_t rows[] = {0, static_cast<int32_t>(entities)};
  const RowRange group[] = {{0, static_cast<int32_t>(labels.rows)}};
  const int64_t begins[] = {0, flat.cols()};
  ops.SpanScores({.start = head,
                  .end = tail,
                  .labels = labels,
                  .word_begins = rows,
                  .label_groups = group,
                  .score_begins = begins,
                  .widths = entities,
                  .pairs = true,
                  .act = Act::kRelu,
                  .scratch = {}},
                 flat);
  Mat out(ops.arena(), entities, entities * labels.rows, name);
  ops.Copy({flat.view().data, entities, out.cols(), out.cols()}, out);
  return out;
}

template <typename F>
void ForEach(Ops& ops, const Mat& x, F change) {
  ops.OnHost(x, [&](MatView here) {
    for (int64_t r = 0; r < here.rows; ++r) {
      float* const row = here.row(r);
      for (int64_t c = 0; c < here.cols; ++c) row[c] = change(row[c]);
    }
  });
}

void Softmax(Ops& ops, const Mat& x) {
  ops.OnHost(x, [](MatView here) {
    for (int64_t r = 0; r < here.rows; ++r) {
      float* const row = here.row(r);
      const float most = *std::max_element(row, row + here.cols);
      double sum = 0;
      for (int64_t c = 0; c < here.cols; ++c) sum += row[c] = std::exp(row[c] - most);
      for (int64_t c = 0; c < here.cols; ++c) row[c] = static_cast<float>(row[c] / sum);
    }
  });
}

// a becomes S^-1/2 (sigmoid(a) + I) S^-1/2, with S the sums of the rows of sigmoid(a) + I.
void Normalise(MatView a, std::pmr::memory_resource* memory) {
  std::pmr::vector<float> root(static_cast<size_t>(a.rows), memory);
  for (int64_t i = 0; i < a.rows; ++i) {
    double degree = 0;
    for (int64_t j = 0; j < a.rows; ++j) {
      a.row(i)[j] = Sigmoid(a.row(i)[j]) + (i == j ? 1.f : 0.f);
      degree += a.row(i)[j];
    }
    root[static_cast<size_t>(i)] = static_cast<float>(1 / std::sqrt(std::max(degree, 1e-6)));
  }
  for (int64_t i = 0; i < a.rows; ++i) {
    for (int64_t j = 0; j < a.rows; ++j) {
      a.row(i)[j] *= root[static_cast<size_t>(i)] * root[static_cast<size_t>(j)];
    }
  }
}

}  // namespace

bool Relations::sees_all() const {
  return layer_ == Layer::kAttention || layer_ == Layer::kGcn || layer_ == Layer::kGat;
}

Relations::Pairs Relations::Forward(Ops& ops, MatView entities, MatView relations) const {
  Pairs pairs;
  if (layer_ != Layer::kNone) pairs.adjacency = Adjacency(ops, entities);
  pairs.logits = triples_.empty() ? PairLogits(ops, entities, relations)
                                  : TripleLogits(ops, entities, relations);
  return pairs;
}

Mat Relations::Adjacency(Ops& ops, MatView e) const {
  if (layer_ == Layer::kAttention) {
    const Mat qkv = ops.Linear(e, *qkv_, Act::kNone, "adjacency");
    const int64_t width = width_ / kHeads;
    Mat mean(ops.arena(), e.rows, e.rows, "adjacency");
    for (int64_t head = 0; head < kHeads; ++head) {
      const int64_t begin = head * width;
      const Mat scores =
          Products(ops, qkv.view().Cols(begin, begin + width),
                   qkv.view().Cols(width_ + begin, width_ + begin + width), "adjacency");
      const float scale = 1.f / std::sqrt(static_cast<float>(width));
      ForEach(ops, scores, [&](float x) { return x * scale; });
      Softmax(ops, scores);
      if (head == 0) ForEach(ops, mean, [](float) { return 0.f; });
      ops.AddAct(mean, scores, Act::kNone, mean);
    }
    ForEach(ops, mean, [](float x) { return x / kHeads; });
    return mean;
  }
  if (layer_ == Layer::kMlp) {
    const Mat head = ops.Linear(e, *head_, Act::kNone, "adjacency");
    const Mat tail = ops.Linear(e, *tail_, Act::kNone, "adjacency");
    Mat one(ops.arena(), 1, 1, "adjacency");
    ForEach(ops, one, [](float) { return 1.f; });
    const Mat label = ops.Linear(one, *out_, Act::kNone, "adjacency");
    Mat scores = PairProducts(ops, head, tail, label, "adjacency");
    ForEach(ops, scores, Sigmoid);
    return scores;
  }
  Mat z;
  if (layer_ == Layer::kBilinear) z = ops.Linear(e, *projection_, Act::kNone, "adjacency");
  if (layer_ == Layer::kGcn) z = Convolved(ops, e);
  if (layer_ == Layer::kGat) z = Attended(ops, e);
  const MatView by = layer_ == Layer::kDot ? e : z.view();
  Mat scores = Products(ops, by, by, "adjacency");
  ForEach(ops, scores, Sigmoid);
  return scores;
}

Mat Relations::Attended(Ops& ops, MatView e) const {
  const Mat qkv = ops.Linear(e, *qkv_, Act::kNone, "adjacency");
  const int32_t begins[] = {0, static_cast<int32_t>(e.rows)};
  const float scale = 1.f / std::sqrt(static_cast<float>(width_ / kHeads));
  const Mat context = ops.Attention(qkv, begins, {.heads = kHeads, .scale = scale});
  const Mat hidden = ops.Linear(context, *attended_, Act::kNone, "adjacency");
  return ops.Linear(hidden, *linear_, Act::kNone, "adjacency");
}

Mat Relations::Convolved(Ops& ops, MatView e) const {
  Mat edges = Products(ops, e, e, "adjacency");
  ops.OnHost(edges, [&](MatView a) { Normalise(a, ops.memory()); });
  Mat transposed(ops.arena(), e.cols, e.rows, "adjacency");
  ops.Read(e, [&](MatView from) {
    ops.OnHost(transposed, [&](MatView to) {
      for (int64_t i = 0; i < from.rows; ++i) {
        for (int64_t c = 0; c < from.cols; ++c) to.row(c)[i] = from.row(i)[c];
      }
    });
  });
  const Mat mixed = Products(ops, edges, transposed, "adjacency");
  const Mat hidden = ops.Linear(mixed, *linear_, Act::kRelu, "adjacency");
  return ops.Linear(hidden, *projection_, Act::kNone, "adjacency");
}

Mat Relations::PairLogits(Ops& ops, MatView entities, MatView relations) const {
  const Mat head = ops.Linear(entities, *pair_head_, Act::kNone, "heads of relations");
  const Mat tail = ops.Linear(entities, *pair_tail_, Act::kNone, "tails of relations");
  const Mat labels = ops.Linear(relations, *pair_fold_, Act::kNone, "folded relations");
  return PairProducts(ops, head, tail, labels, "relation logits");
}

Mat Relations::TripleLogits(Ops& ops, MatView entities, MatView relations) const {
  Mat logits(ops.arena(), entities.rows, entities.rows * relations.rows, "relation logits");
  ops.Read(entities, [&](MatView e) {
    ops.Read(relations,
             [&](MatView r) { ops.OnHost(logits, [&](MatView to) { ScoreTriples(e, r, to); }); });
  });
  return logits;
}

void Relations::ScoreTriples(MatView entities, MatView relations, MatView logits) const {
  for (int64_t i = 0; i < entities.rows; ++i) {
    float* to = logits.row(i);
    for (int64_t j = 0; j < entities.rows; ++j) {
      for (int64_t r = 0; r < relations.rows; ++r) {
        *to++ = static_cast<float>(
            TripleScore(triples_, entities.row(i), relations.row(r), entities.row(j), width_));
      }
    }
  }
}

Result<std::unique_ptr<Relations>> Relations::Make(const GlinerConfig& config, Binder weights) {
  auto made = std::make_unique<Relations>();
  const int64_t D = config.hidden_size;
  made->width_ = D;
  constexpr std::pair<std::string_view, Layer> kLayers[] = {{"none", Layer::kNone},
                                                            {"dot", Layer::kDot},
                                                            {"mlp", Layer::kMlp},
                                                            {"bilinear", Layer::kBilinear},
                                                            {"attention", Layer::kAttention},
                                                            {"gcn", Layer::kGcn},
                                                            {"gat", Layer::kGat}};
  for (const auto& [name, layer] : kLayers) {
    if (name == config.relations_layer) made->layer_ = layer;
  }
  Binder layer = weights.In("relations_rep_layer.relation_rep_layer");
  const auto attention = [&](const char* name) -> Result<void> {
    if (D % kHeads != 0) {
      return Error{Code::kBadModel,
                   fmt::format("hidden_size {} is no multiple of the {} heads of relations_layer "
                               "\"{}\"",
                               D, kHeads, config.relations_layer)};
    }
    made->qkv_ = layer.LinearOf(fmt::format("{}.in_proj_weight", name),
                                fmt::format("{}.in_proj_bias", name), 3 * D, D);
    return {};
  };
  switch (made->layer_) {
    case Layer::kNone:
    case Layer::kDot:
      break;
    case Layer::kMlp:
      made->head_ = layer.LinearColumns("mlp.0", D, 2 * D, 0, D, /*bias=*/true);
      made->tail_ = layer.LinearColumns("mlp.0", D, 2 * D, D, D, /*bias=*/false);
      made->out_ = layer.LinearFolded("mlp.2", 1, D);
      break;
    case Layer::kBilinear:
      made->projection_ = layer.Linear("proj", D, D);
      break;
    case Layer::kAttention:
      if (const Result<void> bound = attention("attn"); !bound.ok()) return bound.error();
      break;
    case Layer::kGcn:
      made->linear_ = layer.Linear("gcn.linear", D, D);
      made->projection_ = layer.Linear("proj", D, D);
      break;
    case Layer::kGat:
      if (const Result<void> bound = attention("attn"); !bound.ok()) return bound.error();
      made->attended_ = layer.Linear("attn.out_proj", D, D);
      made->linear_ = layer.Linear("linear", D, D);
      break;
  }
  if (config.triples_layer.empty()) {
    made->pair_head_ = weights.LinearColumns("pair_rep_layer.0", 4 * D, 2 * D, 0, D, /*bias=*/true);
    made->pair_tail_ =
        weights.LinearColumns("pair_rep_layer.0", 4 * D, 2 * D, D, D, /*bias=*/false);
    made->pair_fold_ = weights.LinearFolded("pair_rep_layer.3", D, 4 * D);
    return made;
  }
  const std::span<const std::string_view> known = TripleScorers();
  if (std::find(known.begin(), known.end(), config.triples_layer) == known.end()) {
    return Error{Code::kUnsupported,
                 fmt::format("triples_layer \"{}\" is not supported; possible are {}",
                             config.triples_layer, fmt::join(known, ", "))};
  }
  made->triples_ = config.triples_layer;
  return made;
}

}  // namespace waterline
