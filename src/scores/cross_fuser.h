// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "batch/batch.h"
#include "checkpoint/config.h"
#include "ops/binder.h"
#include "ops/ops.h"
#include "waterline/result.h"

namespace waterline {

// Attention between the words of a text and its labels, of bi-encoders with a post_fusion_schema;
// see cross_fuser.cc.
class CrossFuser {
 public:
  // `heads` is the text backbone's num_attention_heads.
  // Errors: kBadModel  a part of the schema that is not l2l, t2t, l2t or t2l; heads that do not
  //                    divide hidden_size; names them.
  static Result<CrossFuser> Bind(const GlinerConfig& config, int64_t heads, Binder weights);

  // Words [W, D] and labels [C, D], where every sequence has label rows of its own.
  void Forward(Ops& ops, const Batch& batch, Mat& words, Mat& labels) const;

 private:
  // Two linear maps one after the other; the first is missing where the input is used as it is.
  struct Maps {
    std::optional<Weight> first;
    Weight second;
    Mat Forward(Ops& ops, MatView x) const;
  };
  struct Block {
    bool labels_ask = true;     // Queries are the labels, else the words;
    bool labels_answer = true;  // keys and values likewise.
    Norm before, after;
    Maps query, key, value;
  };

  int heads_ = 1;
  float scale_ = 1;
  std::vector<Block> blocks_;
};

}  // namespace waterline
