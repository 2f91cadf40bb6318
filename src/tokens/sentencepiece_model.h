// The fields of a SentencePiece model file (a protobuf ModelProto) that tokenising needs.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory_resource>
#include <string>
#include <string_view>
#include <vector>

#include "waterline/result.h"

namespace waterline {

// SentencePiece.Type of sentencepiece_model.proto.
enum class SentencePieceType { kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4 };

struct SentencePiece {
  std::string_view text;
  float score = 0;
  SentencePieceType type = SentencePieceType::kNormal;
};

// Views into the file's bytes.
struct SentencePieceModel {
  explicit SentencePieceModel(std::pmr::memory_resource* memory) : pieces(memory) {}

  std::pmr::vector<SentencePiece> pieces;
  int32_t model_type = 1;  // 1 is Unigram, 2 BPE.
  int32_t unk_id = 0;
  bool byte_fallback = false;
  std::string_view precompiled_charsmap;
  bool add_dummy_prefix = true;
  bool remove_extra_whitespaces = true;
};

// Errors: kBadModel  not a protobuf of this kind: cut short, a piece that is not UTF-8; names the
//                    byte.
Result<SentencePieceModel> ParseSentencePieceModel(std::string_view bytes,
                                                   std::pmr::memory_resource* memory);

}  // namespace waterline
