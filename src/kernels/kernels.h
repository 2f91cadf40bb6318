// The computing half of every operation: out = f(in), nothing else.
//
// One subclass per instruction set, one for each further device, and one that does nothing (dry).
// A kernel does not allocate, lock, log or check: Ops has taken the output and the scratch from the
// plan and checked the shapes. All methods are const and safe to call from any thread.
//
// Same answers: a row of the output depends on its own row (attention, LSTM: its own sequence)
// alone, and is summed in an order that does not depend on how many other rows there are or where
// it lies.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "kernels/act.h"
#include "memory/mat.h"
#include "weights/weight.h"

namespace waterline {

// Rows [begin, end) of a matrix. Empty for a word without sub-words.
struct RowRange {
  int32_t begin = 0;
  int32_t end = 0;
};

// Sequences lie end to end: sequence s is rows [begin[s], begin[s + 1]).
using SequenceBegins = std::span<const int32_t>;  // [sequences + 1]; begin[0] = 0.

struct EmbedArgs {
  std::span<const int32_t> ids;        // [T] rows of `words`.
  Table words;                         // [vocabulary, D]
  std::span<const int32_t> positions;  // [T] rows of `places`; empty when `places` is.
  Table places;                        // [positions, D]; data = nullptr for none.
  const float* every = nullptr;        // [D] added to each row (token type 0), or nullptr.
};

// Score terms by the distance of query and key: disentangled attention's two (DeBERTa,
// arXiv:2006.03654, section 3.1, in the index form of the released code), or a bias a head (T5,
// arXiv:1910.10683, section 2.1).
struct RelativeTerms {
  MatView keys;     // [R, D] position keys for c2p, heads side by side; empty() for no c2p.
  MatView queries;  // [R, D] position queries for p2c; empty() for no p2c.
  Table bias;       // [R, heads] of f32; rows = 0 for none, and none beside `keys`.
  // Row of all tables for distance i - j, at index (i - j) + reach; [2 * reach + 1], and every
  // sequence is at most reach + 1 long.
  std::span<const int32_t> bucket;
  int64_t reach = 0;
};

inline constexpr int64_t kAllKeys = std::numeric_limits<int64_t>::max();

struct AttentionArgs {
  MatView q;     // [T, heads d]; head h is columns [h d, (h + 1) d).
  MatView k, v;  // [T, key_heads d]; heads / key_heads heads in a row share one of them.
  SequenceBegins begins;
  // Over k and v where those have other rows than q and out; without position terms. A query that
  // sees no key gets zeros. Empty: begins.
  SequenceBegins key_begins = {};
  int64_t longest = 0;  // Rows of the longest sequence of keys.
  int heads = 1;
  int key_heads = 1;
  float scale = 1;                          // Multiplies the sum of all score terms.
  const RelativeTerms* relative = nullptr;  // nullptr: scores are q k alone.
  // Query i sees the keys j with |i - j| <= window, and j <= i where causal.
  int64_t window = kAllKeys;
  bool causal = false;
  // The heads to compute, so that threads may share them; matrices are those of all heads.
  int first_head = 0;
  int end_head = std::numeric_limits<int>::max();
  std::span<std::byte> scratch;  // AttentionScratchBytes; 64-byte aligned.
};

// The layers of a pass and what weighs them; see Kernels::MixLayers. Matrices of weights are
// row-major f32.
struct MixArgs {
  MatView layers;                       // [K R, D]: rows [k R, (k + 1) R) are layer k.
  MatView means;                        // [K B, D]: rows [k B, (k + 1) B) are means of layer k.
  std::span<const RowRange> rows;       // [R] the token of each row, ascending.
  SequenceBegins begins;                // [B + 1] over tokens.
  const float* squeeze = nullptr;       // [D]
  const float* squeeze_bias = nullptr;  // [1]
  int64_t middle = 0;                   // M
  const float* w1 = nullptr;            // [M, K]
  const float* b1 = nullptr;            // [M]
  const float* w2 = nullptr;            // [K, M]
  const float* b2 = nullptr;            // [K]
  std::span<std::byte> scratch;         // MixScratchBytes; 64-byte aligned.
};

// A convolution along each sequence between two gates; see Kernels::GatedConv.
struct GatedConvArgs {
  MatView x;  // [T, 3 D]
  SequenceBegins begins;
  int64_t kernel = 1;
  const float* taps = nullptr;  // [kernel, D]
  const float* bias = nullptr;  // [D], or nullptr.
};

struct LstmArgs {
  MatView
      gates;  // [W, 8 H]: x Wihᵀ + b_ih + b_hh, forward i f g o then backward i f g o, H wide each.
  const float* forward;  // Whh of each direction, packed by PackLstm.
  const float* backward;
  int64_t hidden = 0;            // H
  int64_t directions = 2;        // 1: gates and out have the columns of the forward one alone.
  SequenceBegins begins;         // Over words.
  std::span<std::byte> scratch;  // LstmScratchBytes; 64-byte aligned.
  // The directions to compute: 0 forward, 1 backward.
  int first_direction = 0;
  int last_direction = 1;
};

struct SpanScoreArgs {
  MatView start;   // [W, F] u_i
  MatView end;     // [W, F] v_j; no rows with only_width.
  MatView labels;  // [C, F + 1]: g_c, and in the last column the constant of label c; or [C, F].
  SequenceBegins word_begins;              // Over rows of start and end.
  std::span<const RowRange> label_groups;  // [sequences] rows of labels; may be shared.
  std::span<const int64_t> score_begins;   // [sequences + 1] first score of each sequence.
  int64_t widths = 1;                      // K
  // From 0: u_i alone stands for the span of this width, and scores of other widths are not
  // written.
  int64_t only_width = -1;
  // true: v_k of the own sequence goes with every u_i, instead of v_{i+k}; K is then the length of
  // the one sequence, and no pair is out of reach.
  bool pairs = false;
  Act act = Act::kRelu;          // kRelu or kNone.
  std::span<std::byte> scratch;  // SpanScoreScratchBytes; 64-byte aligned.
  // Rows of `start` whose spans are scored.
  RowRange words = {0, std::numeric_limits<int32_t>::max()};
};

// Rows that kernels multiply with weights at once, while those are near the core.
inline constexpr int64_t kLinearRows = 96;

// How threads share a linear map.
struct LinearParts {
  int64_t outputs = 1;  // A part begins at a multiple of as many.
  size_t rounded = 0;   // Bytes of the rounded inputs; 0: parts read them as they are.
  size_t scratch = 0;   // Bytes of what each thread needs beside; both are multiples of 64.
};

// A logit that may become an answer.
struct Candidate {
  int32_t index = 0;  // Into the logits of the pass.
  float logit = 0;
};

// The head of a list of candidates.
struct CandidateSet {
  int32_t count = 0;  // Of all candidates, those that the list has no room for too.
  int32_t nan = 0;    // Not 0: some logit is NaN, and is no candidate.
};

// Those logits that exceed the limit of their label; see Kernels::FindCandidates.
struct CandidateArgs {
  std::span<const float> logits;
  std::span<const int64_t> score_begins;   // [sequences + 1]
  std::span<const RowRange> label_groups;  // [sequences]
  std::span<const float> limits;           // Of sequence s from limit_begins[s] on, one a label.
  std::span<const int32_t> limit_begins;   // [sequences + 1]
};

// What a kernel makes of the numbers it multiplies with weights.
struct Rounding {
  bool bf16 = false;
  bool f16 = false;
  bool tf32 = false;
  // Each row to multiples of its largest magnitude / levels; 0 for no such rounding.
  int32_t levels = 0;
};

class Kernels {
 public:
  virtual ~Kernels() = default;
  virtual const char* name() const = 0;  // "avx2", "avx512", "portable", "cuda", "dry".
  // Whether matrices and weights are in memory that the host reads and writes.
  virtual bool on_host() const { return true; }
  // Rows that operations which go by chunks take at once: as many as keep the machine busy.
  virtual int64_t chunk_rows() const { return kLinearRows; }

  // --- At load. Packing is done in host memory, wherever the weights go then.

  // Kernels for what is computed at load, in host memory and with layouts of their own.
  virtual const Kernels& at_load() const { return *this; }

  // Bytes of a packed W [out, in].
  virtual size_t PackedBytes(WeightType type, int64_t out, int64_t in) const = 0;
  // Packs rows [row, row + rows) of w, a W [out, in], from row-major f32 `from` [rows, in] to
  // `packed`. All rows of a weight must be packed before it is used; different rows may be packed
  // by different threads. Fastest with whole panels: multiples of 48 rows.
  virtual void Pack(const float* from, int64_t row, int64_t rows, const Weight& w,
                    std::byte* packed) const = 0;
  // The same for a w of int8 whose rows are rounded already: w = scales[row] * from, [rows, in] and
  // [rows]. What Pack makes of f32 is what this makes of RoundToInt8 of it.
  virtual void PackInt8(const int8_t* from, const float* scales, int64_t row, int64_t rows,
                        const Weight& w, std::byte* packed) const = 0;
  // How inputs of a linear map with weights of `type` are rounded before they are multiplied.
  virtual Rounding InputRounding(WeightType type) const = 0;
  // How span scores round what they multiply, and attention may.
  virtual Rounding ProductRounding() const { return {}; }
  // Floats of a packed recurrent matrix [4 H, H], and the packing of its rows, as Pack.
  virtual size_t PackedLstmFloats(int64_t hidden) const = 0;
  virtual void PackLstm(const float* from, int64_t row, int64_t rows, int64_t hidden,
                        float* packed) const = 0;

  // --- In a pass. Matrices have stride >= cols; rows start 64-byte aligned unless they are column
  // slices.

  // out[t] = words[ids[t]] + places[positions[t]] + every.
  virtual void Embed(const EmbedArgs& args, MatView out) const = 0;
  // out = act(x Wᵀ + b), with x rounded as InputRounding says. out must not alias x; scratch is
  // LinearScratchBytes, 64-byte aligned.
  virtual void Linear(MatView x, const Weight& w, Act act, std::span<std::byte> scratch,
                      MatView out) const = 0;
  virtual size_t LinearScratchBytes(int64_t rows, const Weight& w) const = 0;
  // Linear in parts, with the same bits, for an x of at most kLinearRows rows: when all its rows
  // are in `rounded` (LinearParts::rounded bytes), outputs may be computed.
  virtual LinearParts PartsOfLinear(int64_t rows, const Weight& w) const = 0;
  // Rows [begin, end) of x.
  virtual void RoundInputs(MatView x, int64_t begin, int64_t end, const Weight& w,
                           std::span<std::byte> rounded) const = 0;
  // Columns [begin, end) of `out`, which is as wide as for Linear.
  virtual void LinearPart(MatView x, const Weight& w, Act act, int64_t begin, int64_t end,
                          std::span<std::byte> rounded, std::span<std::byte> scratch,
                          MatView out) const = 0;
  // out = LayerNorm(x + residual). residual.data may be nullptr for none; out may alias x or
  // residual. Two passes: the mean first, then squared deviations.
  virtual void AddLayerNorm(MatView x, MatView residual, const Norm& norm, MatView out) const = 0;
  // out = act(a + b); act is kNone or kRelu. b may be one row that goes with each of a, or empty()
  // for nothing. out may alias a, or a b of as many rows.
  virtual void AddAct(MatView a, MatView b, Act act, MatView out) const = 0;
  // out[t] = x[t] ⊙ by, with `by` [x.cols]. out may alias x.
  virtual void Scale(MatView x, const float* by, MatView out) const = 0;
  // x += delta, and out = the norm of x: the residual stream of a pre-norm layer and what it goes
  // on with. delta.data may be nullptr for none; out must not alias x.
  virtual void AddNorm(MatView x, MatView delta, const Norm& norm, MatView out) const = 0;
  // The first half of the columns of x becomes act(first half) * second half.
  virtual void Gate(MatView x, Act act) const = 0;
  // Rotary embedding (arXiv:2104.09864, the halves as in GPT-NeoX) of each of the `heads` heads of
  // x [T, heads d]: (x[m], x[m + d / 2]) turned by the angle whose cosine is angles[p][m] and whose
  // sine is angles[p][m + d / 2], p = positions[t].
  virtual void Rotate(MatView angles, std::span<const int32_t> positions, int heads,
                      MatView x) const = 0;
  // out[t] = softmax over the sequence of scale * (q k + q keys[bucket] + k queries[bucket] +
  // bias[bucket]) times v.
  virtual void Attention(const AttentionArgs& args, MatView out) const = 0;
  virtual size_t AttentionScratchBytes(int64_t longest, int64_t head_width,
                                       const RelativeTerms* relative) const = 0;
  // out[n] = one row for rows ranges[n] of x; a zero row for an empty range.
  virtual void Pool(MatView x, std::span<const RowRange> ranges, Pooling pooling,
                    MatView out) const = 0;
  // out [W, directions H] = [forward ; backward] hidden states of an LSTM over each sequence;
  // PyTorch's equations and gate order i f g o.
  virtual void Lstm(const LstmArgs& args, MatView out) const = 0;
  virtual size_t LstmScratchBytes(int64_t hidden, int64_t sequences) const = 0;
  // scores[score_begins[s] + (i K + k) C_s + c] = act(u_i + v_{i+k}) · g_c + constant_c for each
  // word i of sequence s, width k and label c of its group. Spans that run past the sequence get
  // -infinity.
  virtual void SpanScores(const SpanScoreArgs& args, std::span<float> scores) const = 0;
  virtual size_t SpanScoreScratchBytes(int64_t features, int64_t widths,
                                       int64_t most_labels) const = 0;
  // out[t] = the rows t - (kernel - 1) / 2 ... t + (kernel - 1) / 2 of x side by side, each column
  // group apart: out[t, c * kernel + j] = x[t + j - (kernel - 1) / 2, c], zero past the ends of the
  // sequence of row t. Rows [first, first + out.rows) of x only.
  virtual void Unfold(MatView x, SequenceBegins begins, int64_t kernel, int64_t first,
                      MatView out) const = 0;
  // out[t, c] = x[t, D + c] (bias[c] + sum over j of taps[j, c] v[t - kernel + 1 + j, c]), where
  // v[t, c] = x[t, c] x[t, 2 D + c], and 0 before the sequence.
  virtual void GatedConv(const GatedConvArgs& args, MatView out) const = 0;
  // out[r] = sum over k of s_k layers[k R + r], s = sigmoid(W2 relu(W1 z + b1) + b2) of the row's
  // sequence b, z_k = squeeze · means[k B + b] + squeeze_bias (squeeze and excitation,
  // arXiv:1709.01507, over layers).
  virtual void MixLayers(const MixArgs& args, MatView out) const = 0;
  virtual size_t MixScratchBytes(int64_t layers, int64_t middle) const = 0;
  // x[n] = 0 for every empty ranges[n].
  virtual void ClearEmpty(std::span<const RowRange> ranges, MatView x) const = 0;

  // --- Of kernels that do not run on the host, for which these save traffic.

  // act(x W1ᵀ + b1) W2ᵀ + b2 with the bits of two linear maps, in scratch of
  // FeedForwardScratchBytes; 0: there is nothing to gain from it.
  virtual void FeedForward(MatView x, const Weight& up, Act act, const Weight& down,
                           std::span<std::byte> scratch, MatView out) const;
  virtual size_t FeedForwardScratchBytes(int64_t rows, const Weight& up, const Weight& down) const;
  // out, one row of pairs of 4-byte words: a CandidateSet, then as many of the candidates as there
  // is room for, in no order. logits[score_begins[s] + i C_s + c] is of label c of the C_s labels
  // of label_groups[s], and a candidate when it exceeds limits[limit_begins[s] + c].
  virtual void FindCandidates(const CandidateArgs& args, MatView out) const;

  // --- Copies. The defaults are those of the host.

  // out[n] = x[rows[n]].
  virtual void GatherRows(MatView x, std::span<const int64_t> rows, MatView out) const;
  // to = from, of the same shape.
  virtual void CopyRows(MatView from, MatView to) const;
  // The same where `from`, or `to`, is in host memory; done when the call returns.
  virtual void CopyIn(MatView from, MatView to) const { Kernels::CopyRows(from, to); }
  virtual void CopyOut(MatView from, MatView to) const { Kernels::CopyRows(from, to); }
};

// The fastest kernels of this machine. `isa` forces one of CpuIsaNames(); nullptr or "" takes the
// environment variable WATERLINE_ISA, and without it the best. nullptr when the machine lacks `isa`
// or there is no such name. The object lives for ever.
const Kernels* CpuKernels(const char* isa = nullptr);
// Every instruction set this build has, fastest first, whether or not the machine can run it.
std::span<const char* const> CpuIsaNames();

}  // namespace waterline
