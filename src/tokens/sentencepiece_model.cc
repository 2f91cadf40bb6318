// A reader of the protobuf wire format, for the handful of fields that matter.
// SPDX-License-Identifier: Apache-2.0
#include "tokens/sentencepiece_model.h"

#include <fmt/format.h>

#include <bit>
#include <optional>

#include "base/utf8.h"

namespace waterline {
namespace {

struct Field {
  uint64_t number = 0;
  uint64_t value = 0;      // Of a varint or fixed field.
  std::string_view bytes;  // Of a length-delimited field.
};

// Walks the fields of one message.
class Fields {
 public:
  explicit Fields(std::string_view bytes) : bytes_(bytes) {}

  // False at the end, and where the message is broken.
  bool Next(Field& field) {
    if (at_ == bytes_.size() || broken_) return false;
    const uint64_t key = Varint();
    field = {key >> 3, 0, {}};
    switch (key & 7) {
      case 0:
        field.value = Varint();
        break;
      case 1:
        field.value = Fixed(8);
        break;
      case 2:
        field.bytes = Take(Varint());
        break;
      case 5:
        field.value = Fixed(4);
        break;
      default:
        broken_ = true;
    }
    return !broken_;
  }
  bool broken() const { return broken_; }
  size_t at() const { return at_; }

 private:
  uint64_t Varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64 && at_ < bytes_.size(); shift += 7) {
      const auto byte = static_cast<unsigned char>(bytes_[at_++]);
      value |= uint64_t{byte & 0x7Fu} << shift;
      if (byte < 0x80) return value;
    }
    broken_ = true;
    return 0;
  }
  std::string_view Take(uint64_t size) {
    if (size > bytes_.size() - at_) {
      broken_ = true;
      return {};
    }
    const std::string_view taken = bytes_.substr(at_, size);
    at_ += size;
    return taken;
  }
  uint64_t Fixed(size_t size) {
    uint64_t value = 0;
    const std::string_view taken = Take(size);
    for (size_t i = 0; i < taken.size(); ++i) {
      value |= uint64_t{static_cast<unsigned char>(taken[i])} << (8 * i);
    }
    return value;
  }

  std::string_view bytes_;
  size_t at_ = 0;
  bool broken_ = false;
};

// Calls `read` for each field; false when the message is broken.
template <typename Read>
bool ForEachField(std::string_view bytes, Read read) {
  Fields fields(bytes);
  Field field;
  while (fields.Next(field)) read(field);
  return !fields.broken();
}

bool ParsePiece(std::string_view bytes, SentencePiece& piece) {
  return ForEachField(bytes, [&](const Field& field) {
    if (field.number == 1) piece.text = field.bytes;
    if (field.number == 2) piece.score = std::bit_cast<float>(static_cast<uint32_t>(field.value));
    if (field.number == 3) piece.type = static_cast<SentencePieceType>(field.value);
  });
}

}  // namespace

Result<SentencePieceModel> ParseSentencePieceModel(std::string_view bytes,
                                                   std::pmr::memory_resource* memory) {
  SentencePieceModel model(memory);
  Fields fields(bytes);
  Field field;
  bool sound = true;
  while (sound && fields.Next(field)) {
    if (field.number == 1) {
      SentencePiece piece;
      sound = ParsePiece(field.bytes, piece) && FindInvalidUtf8(piece.text) == kValidUtf8;
      model.pieces.push_back(piece);
    } else if (field.number == 2) {  // TrainerSpec.
      sound = ForEachField(field.bytes, [&](const Field& inner) {
        if (inner.number == 3) model.model_type = static_cast<int32_t>(inner.value);
        if (inner.number == 35) model.byte_fallback = inner.value != 0;
        if (inner.number == 40) model.unk_id = static_cast<int32_t>(inner.value);
      });
    } else if (field.number == 3) {  // NormalizerSpec.
      sound = ForEachField(field.bytes, [&](const Field& inner) {
        if (inner.number == 2) model.precompiled_charsmap = inner.bytes;
        if (inner.number == 3) model.add_dummy_prefix = inner.value != 0;
        if (inner.number == 4) model.remove_extra_whitespaces = inner.value != 0;
      });
    }
  }
  if (!sound || fields.broken() || model.pieces.empty()) {
    return Error{Code::kBadModel, fmt::format("is no SentencePiece model: broken before byte {} of "
                                              "{}, after {} pieces",
                                              fields.at(), bytes.size(), model.pieces.size())};
  }
  return model;
}

}  // namespace waterline
