// Label encoder of bi-encoders.
//
// Oracle  gliner modeling/encoder.py, BiEncoder.encode_labels.
//
//   E = mean over the tokens of a label, specials included, of projection(backbone(tokens))
//
// The projection, which exists where the widths differ, is applied to each token there. It commutes
// with the mean, and is applied to that here. A label stands alone: its vector depends on no text.
// SPDX-License-Identifier: Apache-2.0
#include "encoder/label_encoder.h"

#include <utility>

#include "encoder/layer_fusion.h"

namespace waterline {

Mat LabelEncoder::Forward(Ops& ops, const Batch& batch) const {
  const Mat hidden = encoder_->Forward(ops, batch);
  Mat vectors = ops.Pool(hidden, batch.words, Pooling::kMean, "label vectors");
  if (!projection_) return vectors;
  return ops.Linear(vectors, *projection_, Act::kNone, "label vectors");
}

Result<std::unique_ptr<LabelEncoder>> LabelEncoder::Make(const GlinerConfig& config,
                                                         const BackboneConfig& backbone,
                                                         Binder weights,
                                                         std::pmr::memory_resource* memory) {
  auto labels = std::make_unique<LabelEncoder>();
  const Binder token_rep = weights.In("token_rep_layer");
  Result<std::unique_ptr<Encoder>> encoder =
      MakeEncoder(backbone, token_rep.In("labels_encoder.model"), memory);
  if (!encoder.ok()) return encoder.error();
  labels->encoder_ = std::move(*encoder);
  if (config.fuse_layers) {  // Of both encoders.
    labels->encoder_ =
        FuseLayers(std::move(labels->encoder_), token_rep.In("labels_encoder.layers_fuser"));
  }
  if (labels->encoder_->width() != config.hidden_size) {
    Binder binder = token_rep;
    labels->projection_ =
        binder.Linear("labels_projection", config.hidden_size, labels->encoder_->width());
  }
  return labels;
}

}  // namespace waterline
