// The scorer of token models.
//
// Oracle  gliner modeling/scorers.py, Scorer.
//
//   [t0; t1] = X Wt + bt,  [l0; l1] = P Wl + bl
//   logits[w,c] = W2 relu(W1 [t0_w; l0_c; t1_w ⊙ l1_c] + b1) + b2        start, end, inside
//
// W1 = [A B C] splits over the concatenation: u_w = A t0_w is made once a word, v_c = B l0_c + b1
// once a label, and only C (t1_w ⊙ l1_c) for each pair: 4 D² multiplications of 12 D². C diag(l1_c)
// would be the same product for all words of a label, but must be packed anew for each; the D
// products of a pair cost less. Pairs go through in the order of their logits, whatever text they
// belong to, as many as kernels take at once: nothing of size words x labels x D exists.
//
// Notation  D hidden_size, F = 4 D.
// SPDX-License-Identifier: Apache-2.0
#include "scores/token_scorer.h"

#include <algorithm>

namespace waterline {

namespace {

constexpr int64_t kChunkPairs = 96;

// A place in the order of the logits: text after text, word after word, label after label.
struct Place {
  size_t text = 0;
  int64_t word = 0;   // Of the batch.
  int64_t label = 0;  // Of the text's group.
};

// Calls visit(row, word, label, count) for the `pairs` pairs from `at` on in runs of one word: rows
// row ... row + count - 1 of them are this word with `count` labels of the batch. Returns the place
// behind.
template <typename Visit>
Place ForRuns(const Batch& batch, Place at, int64_t pairs, const Visit& visit) {
  for (int64_t row = 0; row < pairs;) {
    const RowRange group = batch.label_groups[at.text];
    const int64_t left = group.end - group.begin - at.label;
    if (at.word == batch.word_begins[at.text + 1] || group.begin == group.end) {
      ++at.text;
      at.word = batch.word_begins[at.text];
      at.label = 0;
    } else if (left == 0) {
      ++at.word;
      at.label = 0;
    } else {
      const int64_t count = std::min(left, pairs - row);
      visit(row, at.word, group.begin + at.label, count);
      row += count;
      at.label += count;
    }
  }
  return at;
}

}  // namespace

Mat TokenScorer::Forward(Ops& ops, MatView words, MatView labels, const Batch& batch) const {
  const int64_t D = words.cols;
  const Mat token = ops.Linear(words, words_, Act::kNone, "word features");
  const Mat label = ops.Linear(labels, labels_, Act::kNone, "label features");
  const MatView t1 = token.view().Cols(D, 2 * D);
  const MatView l1 = label.view().Cols(D, 2 * D);
  const Mat u = ops.Linear(token.view().Cols(0, D), of_word_, Act::kNone, "word terms");
  const Mat v = ops.Linear(label.view().Cols(0, D), of_label_, Act::kNone, "label terms");

  Mat logits(ops.arena(), 1, batch.score_begins.back(), "logits");
  const int64_t pairs = batch.score_begins.back() / kChannels;
  const int64_t most = std::min(pairs, kChunkPairs);
  const Mat products(ops.arena(), most, D, "pair products");
  const Mat hidden(ops.arena(), most, of_pair_.out, "pair features");
  Place place;
  for (int64_t begin = 0; begin < pairs; begin += kChunkPairs) {
    const int64_t n = std::min(pairs - begin, kChunkPairs);
    const MatView middle = hidden.view().Rows(0, n);
    const Place next =
        ForRuns(batch, place, n, [&](int64_t row, int64_t word, int64_t first, int64_t count) {
          ops.Scale(l1.Rows(first, first + count), t1.Rows(word, word + 1),
                    products.view().Rows(row, row + count));
        });
    ops.LinearInto(products.view().Rows(0, n), of_pair_, Act::kNone, middle);
    ForRuns(batch, place, n, [&](int64_t row, int64_t word, int64_t first, int64_t count) {
      const MatView rows = middle.Rows(row, row + count);
      ops.AddAct(rows, v.view().Rows(first, first + count), Act::kNone, rows);
      ops.AddAct(rows, u.view().Rows(word, word + 1), Act::kRelu, rows);
    });
    const MatView out = logits.view().Cols(kChannels * begin, kChannels * (begin + n));
    ops.LinearInto(middle, out_, Act::kNone, {out.data, n, kChannels, kChannels});
    place = next;
  }
  return logits;
}

TokenScorer TokenScorer::Bind(int64_t width, Binder weights) {
  const int64_t D = width;
  TokenScorer scorer;
  scorer.words_ = weights.Linear("proj_token", 2 * D, D);
  scorer.labels_ = weights.Linear("proj_label", 2 * D, D);
  scorer.of_word_ = weights.LinearColumns("out_mlp.0", 4 * D, 3 * D, 0, D, /*bias=*/false);
  scorer.of_label_ = weights.LinearColumns("out_mlp.0", 4 * D, 3 * D, D, D, /*bias=*/true);
  scorer.of_pair_ = weights.LinearColumns("out_mlp.0", 4 * D, 3 * D, 2 * D, D, /*bias=*/false);
  scorer.out_ = weights.Linear("out_mlp.3", kChannels, 4 * D);
  return scorer;
}

}  // namespace waterline
