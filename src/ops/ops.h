// The vocabulary models are written in: each call takes memory, checks shapes and runs one kernel.
// Written once, a model runs dry (to plan) and for real.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory_resource>
#include <optional>
#include <span>
#include <vector>

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
  // pass needs a team of the same size. The results are those of one thread to the bit. What the
  // host needs beside the arena, indices and copies, is in `memory`; both may throw what it throws.
  Ops(const Kernels& kernels, Arena& arena, std::pmr::memory_resource* memory, Team* team = nullptr)
      : kernels_(kernels), arena_(arena), memory_(memory), team_(team) {}

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
  // The same, to rows that are there.
  void LinearInto(MatView x, const Weight& w, Act act, MatView out);
  // x Wᵀ + b with W [out, in] read from the file and packed for this one use: slow, and without
  // memory that a rare request would hold for ever. In f32.
  Mat LinearFromFile(MatView x, const FileTable& w, const float* bias, const char* name);
  // out = act(a + b); b may be one row that goes with each of a, or empty(). out may be a, or a b
  // of as many rows.
  void AddAct(MatView a, MatView b, Act act, MatView out);
  // out[t] = x[t] ⊙ by, with `by` one row; out may be x.
  void Scale(MatView x, MatView by, MatView out);
  // Row `part` of each item.
  template <typename Item>
  Mat Gather(MatView x, std::span<const Item> items, int64_t Item::*part, const char* name) {
    Mat out(arena_, static_cast<int64_t>(items.size()), x.cols, name);
    std::pmr::vector<int64_t> rows(memory_);
    rows.reserve(items.size());
    for (const Item& item : items) rows.push_back(item.*part);
    GatherRows(x, rows, out);
    return out;
  }
  // out[n] = x[rows[n]].
  void GatherRows(MatView x, std::span<const int64_t> rows, MatView out);
  // to = from, of the same shape.
  void Copy(MatView from, MatView to);
  // The same from, or to, matrices in host memory, which may point nowhere in a dry pass.
  void CopyIn(MatView from, MatView to);
  void CopyOut(MatView from, MatView to);
  // Lets the host read x, or change it, for what is too small to be worth a kernel. Not in a dry
  // pass.
  template <typename Use>
  void Read(MatView x, Use use) {
    Visit(x, use, /*changed=*/false);
  }
  template <typename Change>
  void OnHost(MatView x, Change change) {
    Visit(x, change, /*changed=*/true);
  }
  std::pmr::memory_resource* memory() const { return memory_; }
  // LayerNorm(x + residual), written over x.
  void AddLayerNorm(Mat& x, MatView residual, const Norm& norm);
  void LayerNorm(Mat& x, const Norm& norm) { AddLayerNorm(x, {}, norm); }
  // The norm of each of the heads side by side in x, in place.
  void NormHeads(MatView x, const Norm& norm);
  // x += delta, then the norm of it: the stream of a pre-norm layer and what it goes on with.
  // `delta` may be empty().
  Mat AddNorm(Mat& x, MatView delta, const Norm& norm, const char* name);
  // act(x W1ᵀ + b1) W2ᵀ + b2, in chunks of rows, so that the wide middle never exists as a whole. A
  // W1 with twice the rows is gated: (act(u) * v) W2ᵀ + b2 with [u; v] = x W1ᵀ + b1.
  Mat FeedForward(MatView x, const Weight& up, Act act, const Weight& down, const char* name);
  // Rotates `heads` heads side by side in x; see Kernels::Rotate.
  void Rotate(MatView x, MatView angles, std::span<const int32_t> positions, int heads);
  // What of AttentionArgs a model chooses.
  struct AttentionForm {
    int heads = 1;
    int key_heads = 0;  // 0: as many as heads.
    float scale = 1;
    const RelativeTerms* relative = nullptr;
    int64_t window = kAllKeys;
    bool causal = false;
  };
  // Attention over `qkv` [T, (heads + 2 key_heads) d], queries, keys and values side by side.
  Mat Attention(MatView qkv, SequenceBegins begins, const AttentionForm& form);
  // Attention of queries [Q, D] over keys and values [K, D] of other rows: sequence s of the
  // queries sees sequence s of the keys.
  Mat CrossAttention(MatView q, MatView k, MatView v, SequenceBegins queries, SequenceBegins keys,
                     int heads, float scale);
  // A 1-D convolution along each sequence (PyTorch Conv1d, padding (kernel - 1) / 2, any groups as
  // a dense weight [D, D kernel]), followed by `act`.
  Mat Conv1d(MatView x, const Weight& w, int64_t kernel, SequenceBegins begins, Act act);
  // The logits that exceed their limits, at most `capacity` of them; see Kernels::FindCandidates.
  // Of kernels that do not run on the host.
  Mat FindCandidates(const CandidateArgs& args, int64_t capacity, const char* name);
  // See Kernels::GatedConv.
  Mat GatedConv(const GatedConvArgs& args, const char* name);
  Mat Pool(MatView x, std::span<const RowRange> ranges, Pooling pooling, const char* name);
  // The same, to rows that are there.
  void PoolInto(MatView x, std::span<const RowRange> ranges, Pooling pooling, MatView out);
  // One row of `layers` [K R, D] for each of args.rows; see Kernels::MixLayers.
  Mat MixLayers(MixArgs args, const char* name);
  // Rows of `x` whose range is empty become zero.
  void ClearEmpty(Mat& x, std::span<const RowRange> ranges);
  // One LSTM layer over the words of each sequence, [W, directions H].
  struct LstmWeights {
    Weight input;  // [directions 4 H, in]: all directions, both biases added.
    const float* forward = nullptr;
    const float* backward = nullptr;  // nullptr with one direction.
    int64_t hidden = 0;
    int64_t directions = 2;
  };
  Mat Lstm(MatView x, const LstmWeights& w, SequenceBegins begins);
  // Scores of all spans, to the one row of `scores`; see Kernels::SpanScores.
  void SpanScores(SpanScoreArgs args, MatView scores);

  // The first failure to read the checkpoint: the results of the pass are worth nothing.
  const std::optional<Error>& error() const { return error_; }

  bool dry() const { return arena_.dry(); }
  Arena& arena() { return arena_; }

 private:
  template <typename Use>
  void Visit(MatView x, Use& use, bool changed) {
    if (dry() || x.empty()) return;
    if (kernels_.on_host()) return use(x);
    std::pmr::vector<float> copy(static_cast<size_t>(x.rows * x.cols), memory_);
    const MatView here{copy.data(), x.rows, x.cols, x.cols};
    kernels_.CopyOut(x, here);
    use(here);
    if (changed) kernels_.CopyIn(here, x);
  }
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
  std::pmr::memory_resource* memory_;
  Team* const team_;
  std::optional<Error> error_;
};

}  // namespace waterline
