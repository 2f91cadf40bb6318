// The vocabulary models are written in: each call takes memory, checks shapes and runs one kernel.
// Written once, a model runs dry (to plan) and for real.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/team.h"
#include "kernels/kernels.h"
#include "memory/arena.h"
#include "memory/mat.h"
#include "waterline/result.h"
#include "weights/weight.h"

namespace waterline {

// Not thread-safe: one Ops belongs to one pass, as its arena does.
class Ops {
 public:
  // Members of `team` share the large operations; each has scratch of its own in the plan, so a dry
  // pass needs a team of the same size. The results are those of one thread to the bit.
  Ops(const Kernels& kernels, Arena& arena, Team* team = nullptr)
      : kernels_(kernels), arena_(arena), team_(team) {}

  // out[t] = words[ids[t]] + places[positions[t]] + every, with rows of `words` read from the file,
  // each once for a chunk of tokens. When they cannot be read they are zero, and error() says why.
  struct EmbedTokens {
    std::span<const int32_t> ids;  // [T]
    const FileTable& words;        // [vocabulary, D]
    std::span<const int32_t> positions = {};
    Table places = {};  // As in EmbedArgs.
    const float* every = nullptr;
  };
  Mat Embed(const EmbedTokens& tokens, const char* name);
  Mat Linear(MatView x, const Weight& w, Act act, const char* name);
  // LayerNorm(x + residual), written over x.
  void AddLayerNorm(Mat& x, MatView residual, const Norm& norm);
  void LayerNorm(Mat& x, const Norm& norm) { AddLayerNorm(x, {}, norm); }
  // act(x W1ᵀ + b1) W2ᵀ + b2, in chunks of rows, so that the wide middle never exists as a whole.
  Mat FeedForward(MatView x, const Weight& up, Act act, const Weight& down, const char* name);
  // Attention over `qkv` [T, 3 D], queries, keys and values side by side.
  Mat Attention(MatView qkv, SequenceBegins begins, int heads, float scale,
                const RelativeTerms* relative);
  // A 1-D convolution along each sequence (PyTorch Conv1d, padding (kernel - 1) / 2, any groups as
  // a dense weight [D, D kernel]), followed by `act`.
  Mat Conv1d(MatView x, const Weight& w, int64_t kernel, SequenceBegins begins, Act act);
  Mat Pool(MatView x, std::span<const RowRange> ranges, Pooling pooling, const char* name);
  // Rows of `x` whose range is empty become zero.
  void ClearEmpty(Mat& x, std::span<const RowRange> ranges);
  // One bidirectional LSTM layer over the words of each sequence.
  struct LstmWeights {
    Weight input;  // [8 H, in]: both directions, both biases added.
    const float* forward = nullptr;
    const float* backward = nullptr;
    int64_t hidden = 0;
  };
  Mat Lstm(MatView x, const LstmWeights& w, SequenceBegins begins);
  // Scores of all spans; see Kernels::SpanScores. Writes to `scores` (empty when dry).
  void SpanScores(SpanScoreArgs args, std::span<float> scores);

  // The first failure to read the checkpoint: the results of the pass are worth nothing.
  const std::optional<Error>& error() const { return error_; }

  bool dry() const { return arena_.dry(); }
  Arena& arena() { return arena_; }

 private:
  int members() const { return team_ == nullptr ? 1 : team_->size(); }
  // part(begin, end, member) on ranges of [0, count), by the members of the team.
  void Share(int64_t count, Team::Part part);
  // Scratch of `bytes` for each of `members` members.
  Mat MembersScratch(size_t bytes, int members, const char* name);
  // For linear maps of `rows` rows with either weight; none where the kernels need none.
  Mat LinearScratch(int64_t rows, const Weight& w, const Weight* other = nullptr);
  // out = act(x Wᵀ + b), with `scratch` for at least as many rows.
  void RunLinear(MatView x, const Weight& w, Act act, Mat& scratch, MatView out);
  int64_t ReadRows(const FileTable& table, std::span<const int32_t> ids, std::span<std::byte> rows,
                   std::span<int32_t> local);

  const Kernels& kernels_;
  Arena& arena_;
  Team* const team_;
  std::optional<Error> error_;
};

}  // namespace waterline
