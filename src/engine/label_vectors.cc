// SPDX-License-Identifier: Apache-2.0
#include "engine/label_vectors.h"

#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <simdjson.h>
#include <unistd.h>

#include <cmath>
#include <optional>
#include <system_error>
#include <utility>

#include "weights/safetensors_writer.h"
#include "weights/tensor_file.h"

namespace waterline {
namespace {

constexpr const char* kTensor = "vectors";
constexpr const char* kLabels = "labels";
constexpr const char* kEncoder = "labels_encoder";

// [{"name": ..., "description": ..., "threshold": ...}, ...]; what there is none of is left out.
std::string LabelsAsJson(const std::vector<Label>& labels) {
  rapidjson::StringBuffer text;
  rapidjson::Writer<rapidjson::StringBuffer> json(text);
  const auto string = [&json](std::string_view value) {
    json.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
  };
  json.StartArray();
  for (const Label& label : labels) {
    json.StartObject();
    string("name");
    string(label.name);
    if (!label.description.empty()) {
      string("description");
      string(label.description);
    }
    if (label.threshold) {
      string("threshold");
      // With the fewest digits that read back as the same float.
      const std::string number = fmt::format("{}", *label.threshold);
      json.RawValue(number.data(), number.size(), rapidjson::kNumberType);
    }
    json.EndObject();
  }
  json.EndArray();
  return text.GetString();
}

std::optional<std::vector<Label>> LabelsFromJson(const std::string& text) {
  simdjson::dom::parser parser;
  simdjson::dom::array list;
  if (parser.parse(text).get(list) != simdjson::SUCCESS) return std::nullopt;
  std::vector<Label> labels;
  for (const simdjson::dom::element item : list) {
    std::string_view name, description;
    if (item["name"].get(name) != simdjson::SUCCESS) return std::nullopt;
    const auto described = item["description"].get(description);
    if (described != simdjson::SUCCESS && described != simdjson::NO_SUCH_FIELD) return std::nullopt;
    double threshold = 0;
    const auto own = item["threshold"].get(threshold);
    if (own != simdjson::SUCCESS && own != simdjson::NO_SUCH_FIELD) return std::nullopt;
    Label& label = labels.emplace_back(Label{std::string(name), std::string(description)});
    if (own == simdjson::SUCCESS) label.threshold = static_cast<float>(threshold);
  }
  return labels;
}

}  // namespace

void LabelVectors::Impl::Index() {
  for (size_t i = 0; i < labels.size(); ++i) {
    row.emplace(TextOf(labels[i]), static_cast<int64_t>(i));
  }
}

const std::vector<Label>& LabelVectors::labels() const { return impl_->labels; }
int64_t LabelVectors::width() const { return impl_->width; }
std::span<const float> LabelVectors::values() const { return impl_->values; }

Result<void> LabelVectors::Save(const std::string& path) const {
  const std::filesystem::path target(path);
  std::filesystem::path partial = target;
  partial += fmt::format(".partial-{}", ::getpid());
  const NewTensor tensor{.name = kTensor,
                         .shape = {static_cast<int64_t>(impl_->labels.size()), impl_->width}};
  Result<SafetensorsWriter> writer = SafetensorsWriter::Make(
      partial, {tensor},
      {{kLabels, LabelsAsJson(impl_->labels)}, {kEncoder, impl_->labels_encoder}});
  if (!writer.ok()) return writer.error();
  Result<void> written = writer->Write(std::as_bytes(std::span(impl_->values)));
  if (written.ok()) written = writer->Close();
  std::error_code failed;
  if (written.ok()) std::filesystem::rename(partial, target, failed);
  if (written.ok() && !failed) return {};
  std::error_code ignored;
  std::filesystem::remove(partial, ignored);
  if (!written.ok()) return written;
  return Error{Code::kIo, fmt::format("{} cannot be written: {}", path, failed.message())};
}

Result<void> FitsModel(const LabelVectors::Impl& vectors, const LoadedModel& model) {
  const std::string& encoder = model.checkpoint.config.labels_encoder_name;
  if (model.network().labels == nullptr) {
    return Error{Code::kUnsupported,
                 fmt::format("label vectors are for models with a label encoder, and {} has none",
                             model.checkpoint.files.directory.string()),
                 Subject::kModel};
  }
  const int64_t width = model.network().head->vector_width();
  if (vectors.width == width && vectors.labels_encoder == encoder) return {};
  return Error{Code::kBadModel,
               fmt::format("the label vectors have {} columns and come from the label encoder "
                           "\"{}\"; the model {} has {} columns and the label encoder \"{}\"",
                           vectors.width, vectors.labels_encoder,
                           model.checkpoint.files.directory.string(), width, encoder)};
}

Result<std::shared_ptr<LabelVectors::Impl>> ReadLabelVectors(const std::filesystem::path& path) {
  Result<TensorFile> file = TensorFile::Open(path);
  if (!file.ok()) return file.error();
  const auto bad = [&](const std::string& what) {
    return Error{Code::kBadModel, fmt::format("{} holds no label vectors: {}; `waterline "
                                              "embed-labels` makes such a file",
                                              path.string(), what)};
  };
  const auto about = [&](const char* key) -> const std::string* {
    const auto found = file->metadata().find(key);
    return found == file->metadata().end() ? nullptr : &found->second;
  };
  const StoredTensor* vectors = file->Find(kTensor);
  if (vectors == nullptr) return bad(fmt::format("it has no tensor \"{}\"", kTensor));
  if (vectors->type != Dtype::kF32 || vectors->shape.size() != 2) {
    return bad(fmt::format("the tensor \"{}\" is {} {}, expected f32 [labels, width]", kTensor,
                           DtypeName(vectors->type), ShapeText(vectors->shape)));
  }
  const std::string* labels = about(kLabels);
  if (labels == nullptr) return bad(fmt::format("its metadata has no \"{}\"", kLabels));
  std::optional<std::vector<Label>> list = LabelsFromJson(*labels);
  if (!list) return bad(fmt::format("\"{}\" is not a JSON list of labels", kLabels));
  if (static_cast<int64_t>(list->size()) != vectors->shape[0]) {
    return bad(fmt::format("it has {} labels and {} vectors", list->size(), vectors->shape[0]));
  }
  auto made = std::make_shared<LabelVectors::Impl>();
  made->labels = std::move(*list);
  if (const std::string* encoder = about(kEncoder)) made->labels_encoder = *encoder;
  made->width = vectors->shape[1];
  made->values.resize(static_cast<size_t>(vectors->elements()));
  const Result<void> read = file->ReadF32(*vectors, 0, made->values);
  if (!read.ok()) return read.error();
  for (const float value : made->values) {
    if (!std::isfinite(value)) return bad(fmt::format("a vector holds {}", value));
  }
  return made;
}

}  // namespace waterline
