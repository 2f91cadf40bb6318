// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <memory_resource>
#include <optional>
#include <span>
#include <vector>

#include "encoder/encoder.h"

namespace waterline {

// Transformers that normalise what goes into a layer instead of what comes out; see pre_norm.cc for
// what they compute and modernbert.cc, t5.cc, llama.cc and lfm2.cc for what they are made from.
class PreNorm final : public Encoder, public RowEncoder {
 public:
  struct Layer {
    std::optional<Norm> attention_norm;  // Empty: what comes in is normalised already.
    Weight qkv, o;
    Norm feed_norm;
    Weight up;  // [2 F, D] where the feed-forward is gated.
    Weight down;
    int64_t window = kAllKeys;
    MatView angles = {};                       // Of queries and keys; empty() for none.
    std::optional<Norm> query_norm, key_norm;  // Of each head.
    // A convolution in place of attention where there are taps [kernel, D]; qkv is its input [3 D].
    int64_t kernel = 0;
    const float* taps = nullptr;
    const float* taps_bias = nullptr;
  };

  // Errors of all: kUnsupported  an activation that is not known.
  static Result<std::unique_ptr<Encoder>> MakeModernBert(const BackboneConfig& config,
                                                         Binder weights,
                                                         std::pmr::memory_resource* memory);
  // All but the table of embeddings, with its names below `weights`.
  static Result<std::unique_ptr<RowEncoder>> MakeModernBertRows(const BackboneConfig& config,
                                                                int64_t longest, Binder weights,
                                                                std::pmr::memory_resource* memory);
  static Result<std::unique_ptr<Encoder>> MakeT5(const BackboneConfig& config, Binder weights,
                                                 std::pmr::memory_resource* memory);
  static Result<std::unique_ptr<Encoder>> MakeLlama(const BackboneConfig& config, Binder weights,
                                                    std::pmr::memory_resource* memory);
  static Result<std::unique_ptr<Encoder>> MakeLfm2(const BackboneConfig& config, Binder weights,
                                                   std::pmr::memory_resource* memory);
  explicit PreNorm(std::pmr::memory_resource* memory) : bucket_(memory) {}

  using Encoder::Forward;
  Mat Forward(Ops& ops, const Batch& batch, LayerTap* tap) const override;
  Mat Forward(Ops& ops, Mat x, SequenceBegins begins) const override;
  int64_t width() const override { return width_; }
  int64_t layers() const override { return static_cast<int64_t>(layers_.size()); }
  int64_t longest() const override { return longest_; }

 private:
  // An encoder without weights. Errors: as all.
  static Result<std::unique_ptr<PreNorm>> Start(const BackboneConfig& config,
                                                std::pmr::memory_resource* memory);
  // The same for decoders with rotated, grouped heads, with their word embeddings.
  static Result<std::unique_ptr<PreNorm>> StartCausal(const BackboneConfig& config, Binder& weights,
                                                      std::pmr::memory_resource* memory);
  // Everything but the table of embeddings. Errors: as all.
  Result<void> BindModernBert(const BackboneConfig& config, Binder weights);
  // Rows in sequences, and the index of each in its own.
  struct Places {
    SequenceBegins begins;
    std::span<const int32_t> positions;
  };
  // Hidden states of the rows `read` of x, each a range of one; of all when it is nullptr.
  Mat Layers(Ops& ops, Mat x, const Places& places, const std::pmr::vector<RowRange>* read,
             LayerTap* tap) const;
  // What the tokens of a sequence tell each other, before the output map.
  Mat Mix(Ops& ops, const Places& places, const Layer& l, Mat qkv) const;
  // Cosines, then sines, of position p times the frequencies of a head: row p of [longest_, d].
  MatView Angles(const Rope& rope, int64_t head_width, Binder& weights) const;

  int64_t width_ = 0;
  int64_t longest_ = 0;
  int heads_ = 1;
  int key_heads_ = 1;
  float scale_ = 1;
  bool causal_ = false;
  bool taps_normalised_ = false;  // The last hidden state is that after the final norm.
  Act act_ = Act::kGelu;
  FileTable words_;
  std::optional<Norm> embedding_norm_;
  std::vector<Layer> layers_;
  Norm final_norm_;
  // T5's bias by distance.
  Table bias_;
  std::pmr::vector<int32_t> bucket_;
};

// T5's bucket of relative position `distance` = j - i of key and query (transformers
// T5Attention._relative_position_bucket, bidirectional).
int64_t T5Bucket(int64_t distance, int64_t buckets, int64_t max_distance);

}  // namespace waterline
