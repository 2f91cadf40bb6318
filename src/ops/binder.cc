// SPDX-License-Identifier: Apache-2.0
#include "ops/binder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace waterline {
namespace {

constexpr size_t kAlign = 64;
constexpr int64_t kRowsAtOnce = 64;  // Rows widened to f32 before they are packed.

}  // namespace

Binder Binder::In(std::string_view prefix) const {
  Binder inner = *this;
  inner.prefix_ = Full(prefix);
  return inner;
}

Binder Binder::As(WeightType type) const {
  Binder typed = *this;
  typed.type_ = type;
  return typed;
}

std::string Binder::Full(std::string_view name) const {
  return prefix_.empty() ? std::string(name) : fmt::format("{}.{}", prefix_, name);
}

const StoredTensor* Binder::Read(std::string_view name, std::initializer_list<int64_t> shape) {
  const std::string full = Full(name);
  const StoredTensor* tensor = file_->Find(full);
  if (tensor == nullptr) {
    const Error error = file_->Require(full).error();
    report_->problems.push_back(
        error.code == Code::kUnsupported
            ? error.message
            : fmt::format("{} is missing, expected {}", full, ShapeText(shape)));
    return nullptr;
  }
  if (!std::equal(shape.begin(), shape.end(), tensor->shape.begin(), tensor->shape.end())) {
    report_->problems.push_back(
        fmt::format("{} is {}, expected {}", full, ShapeText(tensor->shape), ShapeText(shape)));
    return nullptr;
  }
  if (!IsFloat(tensor->type)) {
    report_->problems.push_back(
        fmt::format("{} has type {}, expected f32, f16 or bf16", full, DtypeName(tensor->type)));
    return nullptr;
  }
  if (report_->used.insert(full).second) report_->parameters += tensor->elements();
  return tensor;
}

std::byte* Binder::TakeBytes(size_t bytes) {
  const size_t at = report_->block_bytes;
  report_->block_bytes += (bytes + kAlign - 1) / kAlign * kAlign;
  if (measuring()) return nullptr;
  WATERLINE_CHECK(report_->block_bytes <= block_.size());
  return block_.data() + at;
}

float* Binder::TakeFloats(int64_t count) {
  return reinterpret_cast<float*>(TakeBytes(static_cast<size_t>(count) * sizeof(float)));
}

void Binder::Widen(const StoredTensor& tensor, std::string_view name, int64_t first, int64_t count,
                   float* to) {
  const Result<void> read = file_->ReadF32(tensor, first, {to, static_cast<size_t>(count)});
  if (!read.ok()) {
    report_->problems.push_back(fmt::format("{}: {}", Full(name), read.error().message));
    std::fill_n(to, count, 0.f);
    return;
  }
  const float* bad = std::find_if(to, to + count, [](float v) { return !std::isfinite(v); });
  if (bad != to + count) {
    report_->problems.push_back(
        fmt::format("{} holds {}, expected finite numbers", Full(name), *bad));
  }
}

bool Binder::Reading(int64_t floats) {
  // Rounded up for the resource's own alignment.
  const size_t bytes = static_cast<size_t>(floats) * sizeof(float) + 256;
  report_->loading_bytes = std::max(report_->loading_bytes, bytes);
  return !measuring();
}

void Binder::PackRows(const StoredTensor* tensor, std::string_view name, int64_t row,
                      const Weight& w, std::byte* packed) {
  if (tensor == nullptr) return;
  const int64_t rows = tensor->elements() / w.in;
  const int64_t most = std::min(rows, kRowsAtOnce);
  if (!Reading(most * w.in)) return;
  std::pmr::vector<float> widened(static_cast<size_t>(most * w.in), loading_);
  for (int64_t begin = 0; begin < rows; begin += kRowsAtOnce) {
    const int64_t count = std::min(kRowsAtOnce, rows - begin);
    Widen(*tensor, name, begin * w.in, count * w.in, widened.data());
    kernels_->Pack(widened.data(), row + begin, count, w, packed);
  }
}

std::byte* Binder::TakeWeight(int64_t out, int64_t in, Weight& w) {
  w = {.out = out, .in = in, .type = type_};
  std::byte* packed = TakeBytes(kernels_->PackedBytes(type_, out, in));
  w.packed = packed;
  return packed;
}

void Binder::CopyVector(const StoredTensor* tensor, std::string_view name, float* to) {
  if (tensor == nullptr || to == nullptr) return;
  Widen(*tensor, name, 0, tensor->elements(), to);
}

Weight Binder::Linear(std::string_view name, int64_t out, int64_t in, bool bias) {
  const std::string weight_name = fmt::format("{}.weight", name);
  Weight w;
  std::byte* packed = TakeWeight(out, in, w);
  PackRows(Read(weight_name, {out, in}), weight_name, 0, w, packed);
  if (bias) {
    const std::string bias_name = fmt::format("{}.bias", name);
    float* values = TakeFloats(out);
    CopyVector(Read(bias_name, {out}), bias_name, values);
    w.bias = values;
  }
  return w;
}

Weight Binder::LinearStack(std::initializer_list<std::string_view> names, int64_t out_each,
                           int64_t in) {
  const int64_t out = out_each * static_cast<int64_t>(names.size());
  Weight w;
  std::byte* packed = TakeWeight(out, in, w);
  float* bias = TakeFloats(out);
  int64_t row = 0;
  for (const std::string_view name : names) {
    const std::string weight_name = fmt::format("{}.weight", name);
    const std::string bias_name = fmt::format("{}.bias", name);
    PackRows(Read(weight_name, {out_each, in}), weight_name, row, w, packed);
    CopyVector(Read(bias_name, {out_each}), bias_name, bias == nullptr ? nullptr : bias + row);
    row += out_each;
  }
  w.bias = bias;
  return w;
}

Weight Binder::LinearColumns(std::string_view name, int64_t out, int64_t all, int64_t begin,
                             int64_t in, bool bias) {
  const std::string weight_name = fmt::format("{}.weight", name);
  Weight w;
  std::byte* packed = TakeWeight(out, in, w);
  const StoredTensor* tensor = Read(weight_name, {out, all});
  if (Reading(in) && tensor != nullptr) {
    std::pmr::vector<float> row(static_cast<size_t>(in), loading_);
    for (int64_t r = 0; r < out; ++r) {
      Widen(*tensor, weight_name, r * all + begin, in, row.data());
      kernels_->Pack(row.data(), r, 1, w, packed);
    }
  }
  if (bias) {
    const std::string bias_name = fmt::format("{}.bias", name);
    float* values = TakeFloats(out);
    CopyVector(Read(bias_name, {out}), bias_name, values);
    w.bias = values;
  }
  return w;
}

Weight Binder::LinearFolded(std::string_view name, int64_t out, int64_t in) {
  const std::string weight_name = fmt::format("{}.weight", name);
  const std::string bias_name = fmt::format("{}.bias", name);
  Weight w;
  std::byte* packed = TakeWeight(in + 1, out, w);
  const StoredTensor* weight = Read(weight_name, {out, in});
  const StoredTensor* bias = Read(bias_name, {out});
  if (Reading(out * in + out) && weight != nullptr && bias != nullptr) {
    std::pmr::vector<float> rows(static_cast<size_t>(out * in), loading_);
    Widen(*weight, weight_name, 0, out * in, rows.data());
    std::pmr::vector<float> column(static_cast<size_t>(out), loading_);
    for (int64_t i = 0; i < in; ++i) {
      for (int64_t o = 0; o < out; ++o) {
        column[static_cast<size_t>(o)] = rows[static_cast<size_t>(o * in + i)];
      }
      kernels_->Pack(column.data(), i, 1, w, packed);
    }
    CopyVector(bias, bias_name, column.data());
    kernels_->Pack(column.data(), in, 1, w, packed);
  }
  return w;
}

Weight Binder::Conv1d(std::string_view name, int64_t out, int64_t in, int64_t groups,
                      int64_t kernel) {
  const std::string weight_name = fmt::format("{}.weight", name);
  const std::string bias_name = fmt::format("{}.bias", name);
  Weight w;
  std::byte* packed = TakeWeight(out, in * kernel, w);
  float* bias = TakeFloats(out);
  const int64_t group_in = in / groups;
  const StoredTensor* tensor = Read(weight_name, {out, group_in, kernel});
  if (Reading(in * kernel) && tensor != nullptr) {
    // Channels of other groups get zero weights.
    std::pmr::vector<float> row(static_cast<size_t>(in * kernel), loading_);
    for (int64_t o = 0; o < out; ++o) {
      std::fill(row.begin(), row.end(), 0.f);
      const int64_t first = o / (out / groups) * group_in * kernel;
      Widen(*tensor, weight_name, o * group_in * kernel, group_in * kernel, row.data() + first);
      kernels_->Pack(row.data(), o, 1, w, packed);
    }
  }
  CopyVector(Read(bias_name, {out}), bias_name, bias);
  w.bias = bias;
  return w;
}

Ops::LstmWeights Binder::Lstm(std::string_view name, int layer, int64_t in, int64_t hidden) {
  const Binder lstm = In(name);
  Binder reader = lstm;
  Ops::LstmWeights w;
  w.hidden = hidden;
  std::byte* packed = TakeWeight(8 * hidden, in, w.input);
  float* bias = TakeFloats(8 * hidden);
  float* recurrent[2] = {TakeFloats(static_cast<int64_t>(kernels_->PackedLstmFloats(hidden))),
                         TakeFloats(static_cast<int64_t>(kernels_->PackedLstmFloats(hidden)))};
  const char* const suffix[2] = {"", "_reverse"};
  for (int64_t d = 0; d < 2; ++d) {
    const std::string ih = fmt::format("weight_ih_l{}{}", layer, suffix[d]);
    const std::string hh = fmt::format("weight_hh_l{}{}", layer, suffix[d]);
    reader.PackRows(reader.Read(ih, {4 * hidden, in}), ih, d * 4 * hidden, w.input, packed);
    const StoredTensor* tensor = reader.Read(hh, {4 * hidden, hidden});
    if (Reading(4 * hidden * hidden) && tensor != nullptr) {
      std::pmr::vector<float> rows(static_cast<size_t>(4 * hidden * hidden), loading_);
      reader.CopyVector(tensor, hh, rows.data());
      kernels_->PackLstm(rows.data(), hidden, recurrent[d]);
    }
    // Both biases are added once here instead of at every step.
    Reading(8 * hidden);
    std::pmr::vector<float> sum(static_cast<size_t>(4 * hidden), 0.f, loading_);
    std::pmr::vector<float> part(static_cast<size_t>(4 * hidden), 0.f, loading_);
    for (const char* which : {"ih", "hh"}) {
      const std::string bias_name = fmt::format("bias_{}_l{}{}", which, layer, suffix[d]);
      reader.CopyVector(reader.Read(bias_name, {4 * hidden}), bias_name,
                        measuring() ? nullptr : part.data());
      for (size_t i = 0; i < sum.size(); ++i) sum[i] += part[i];
    }
    if (bias != nullptr) std::copy(sum.begin(), sum.end(), bias + d * 4 * hidden);
  }
  w.input.bias = bias;
  w.forward = recurrent[0];
  w.backward = recurrent[1];
  return w;
}

Norm Binder::LayerNorm(std::string_view name, int64_t width, double eps) {
  const std::string gamma_name = fmt::format("{}.weight", name);
  const std::string beta_name = fmt::format("{}.bias", name);
  float* gamma = TakeFloats(width);
  float* beta = TakeFloats(width);
  CopyVector(Read(gamma_name, {width}), gamma_name, gamma);
  CopyVector(Read(beta_name, {width}), beta_name, beta);
  return {.width = width, .gamma = gamma, .beta = beta, .eps = static_cast<float>(eps)};
}

FileTable Binder::TableInFile(std::string_view name, int64_t rows, int64_t cols) {
  const StoredTensor* tensor = Read(name, {rows, cols});
  if (tensor == nullptr) return {.rows = rows, .cols = cols};
  report_->in_file_bytes += tensor->bytes();
  return {.rows = rows,
          .cols = cols,
          .file = file_,
          .tensor = tensor,
          .name = file_->tensors().find(Full(name))->first};
}

Table Binder::TableInMemory(std::string_view name, int64_t rows, int64_t cols) {
  float* values = TakeFloats(rows * cols);
  CopyVector(Read(name, {rows, cols}), name, values);
  return {.rows = rows,
          .cols = cols,
          .type = Dtype::kF32,
          .data = reinterpret_cast<const std::byte*>(values)};
}

const float* Binder::Vector(std::string_view name, int64_t width) {
  float* values = TakeFloats(width);
  CopyVector(Read(name, {width}), name, values);
  return values;
}

const float* Binder::Row(std::string_view name, int64_t rows, int64_t cols, int64_t row) {
  float* values = TakeFloats(cols);
  const StoredTensor* tensor = Read(name, {rows, cols});
  if (row >= rows) {
    report_->problems.push_back(
        fmt::format("{} has {} rows, but row {} is needed", Full(name), rows, row));
  } else if (tensor != nullptr && values != nullptr) {
    Widen(*tensor, name, row * cols, cols, values);
  }
  return values;
}

MatView Binder::Project(const FileTable& table, const Norm& norm, std::string_view name,
                        int64_t out) {
  const int64_t stride = (out + 15) / 16 * 16;
  MatView projected{TakeFloats(table.rows * stride), table.rows, out, stride};
  const std::string weight_name = fmt::format("{}.weight", name);
  const std::string bias_name = fmt::format("{}.bias", name);
  const StoredTensor* weight = Read(weight_name, {out, table.cols});
  const StoredTensor* bias = Read(bias_name, {out});
  const int64_t in_stride = (table.cols + 15) / 16 * 16;
  Weight w{.out = out, .in = table.cols};  // In f32: the table is made once.
  const size_t packed_bytes = kernels_->PackedBytes(w.type, out, table.cols);
  const auto packed_floats = static_cast<int64_t>(packed_bytes / sizeof(float));
  const bool reading = Reading(table.rows * in_stride + packed_floats + out +
                               std::min(out, kRowsAtOnce) * table.cols + 64);
  if (!reading || weight == nullptr || bias == nullptr || table.tensor == nullptr) return projected;

  std::pmr::vector<float> rows(static_cast<size_t>(table.rows * in_stride + 16), loading_);
  float* aligned = rows.data() + (kAlign - reinterpret_cast<uintptr_t>(rows.data()) % kAlign) %
                                     kAlign / sizeof(float);
  const MatView x{aligned, table.rows, table.cols, in_stride};
  Binder whole = *this;  // The table lies below another prefix, and its name is complete.
  whole.prefix_.clear();
  for (int64_t r = 0; r < table.rows; ++r) {
    whole.Widen(*table.tensor, table.name, r * table.cols, table.cols, x.row(r));
  }
  if (norm.width > 0) kernels_->AddLayerNorm(x, {}, norm, x);

  std::pmr::vector<std::byte> packed(packed_bytes + kAlign, loading_);
  std::byte* at =
      packed.data() + (kAlign - reinterpret_cast<uintptr_t>(packed.data()) % kAlign) % kAlign;
  PackRows(weight, weight_name, 0, w, at);
  std::pmr::vector<float> bias_values(static_cast<size_t>(out), loading_);
  CopyVector(bias, bias_name, bias_values.data());
  w.packed = at;
  w.bias = bias_values.data();
  WATERLINE_CHECK(kernels_->LinearScratchBytes(table.rows, w) == 0);
  kernels_->Linear(x, w, Act::kNone, {}, projected);
  return projected;
}

}  // namespace waterline
