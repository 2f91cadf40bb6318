// Span modes "query", "mlp" and "cat": spans as a function of their first word and their width.
//
// Oracle  gliner modeling/span_rep.py, SpanQuery, SpanMLP and SpanCAT.
//
//   query:  S[i,k] = relu(W (X[i] ⊙ q_k) + b)       q_k column k of query_seg [D, K]
//   mlp:    S[i,k] = relu(W_k X[i] + b_k)           W_k rows k D ... of mlp [K D, D]
//   cat:    S[i,k] = relu(A X[i] + B q_k + b)       [A B] = W over the concatenation
//
// The queries of "cat" are query_seg [128, K] in the order of its memory, 128 numbers each (the
// oracle takes a view where a transpose was meant): q_k is not column k.
//
// Notation  D hidden_size, K max_width.
// SPDX-License-Identifier: Apache-2.0
#include "scores/span_query.h"

#include <utility>
#include <vector>

#include "scores/span_by_width.h"

namespace waterline {

namespace {

class SpanQuery final : public SpanByWidth {
 public:
  SpanQuery(int64_t D, int64_t K, Binder weights)
      : SpanByWidth(D, K),
        queries_(weights.Columns("query_seg", D, K)),
        project_(weights.Linear("project.0", D, D)) {}

 private:
  void MakeVectors(Ops& ops, const Rows& rows, int64_t k) const override {
    ops.Scale(rows.words.Rows(0, rows.out.rows), queries_.Rows(k, k + 1), rows.room);
    ops.LinearInto(rows.room, project_, Act::kRelu, rows.out);
  }

  MatView queries_;  // [K, D]
  Weight project_;
};

class SpanMlp final : public SpanByWidth {
 public:
  SpanMlp(int64_t D, int64_t K, Binder weights) : SpanByWidth(D, K) {
    for (int64_t k = 0; k < K; ++k) {
      maps_.push_back(weights.LinearRows("mlp", K * D, k * D, D, D));
    }
  }

 private:
  void MakeVectors(Ops& ops, const Rows& rows, int64_t k) const override {
    ops.LinearInto(rows.words.Rows(0, rows.out.rows), maps_[static_cast<size_t>(k)], Act::kRelu,
                   rows.out);
  }

  std::vector<Weight> maps_;  // [K]
};

class SpanCat final : public SpanByWidth {
 public:
  SpanCat(int64_t D, int64_t K, Binder weights)
      : SpanByWidth(D, K),
        queries_(weights.Reshaped("query_seg", kQuery, K, kQuery)),
        of_word_(weights.LinearColumns("project.0", D, D + kQuery, 0, D, /*bias=*/true)),
        of_query_(weights.LinearColumns("project.0", D, D + kQuery, D, kQuery, /*bias=*/false)) {}

 private:
  static constexpr int64_t kQuery = 128;

  // A X + b, once for all widths.
  Mat Prepare(Ops& ops, Mat words) const override {
    return ops.Linear(words, of_word_, Act::kNone, "word features");
  }

  void MakeVectors(Ops& ops, const Rows& rows, int64_t k) const override {
    const MatView term = rows.room.Rows(0, 1);
    ops.LinearInto(queries_.Rows(k, k + 1), of_query_, Act::kNone, term);
    ops.AddAct(rows.words.Rows(0, rows.out.rows), term, Act::kRelu, rows.out);
  }

  MatView queries_;  // [K, 128]
  Weight of_word_, of_query_;
};

}  // namespace

std::unique_ptr<SpanLayer> MakeSpanQuery(const GlinerConfig& config, Binder weights) {
  return std::make_unique<SpanQuery>(config.hidden_size, config.max_width, weights);
}

std::unique_ptr<SpanLayer> MakeSpanMlp(const GlinerConfig& config, Binder weights) {
  return std::make_unique<SpanMlp>(config.hidden_size, config.max_width, weights);
}

std::unique_ptr<SpanLayer> MakeSpanCat(const GlinerConfig& config, Binder weights) {
  return std::make_unique<SpanCat>(config.hidden_size, config.max_width, weights);
}

}  // namespace waterline
