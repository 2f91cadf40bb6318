// SPDX-License-Identifier: Apache-2.0
#include "ops/binder.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/check.h"
#include "kernels/rounding.h"
#include "weights/packed.h"

namespace waterline {
namespace {

// 2047 * 127 * 8260 is the largest sum of an int8 product that an int32 holds (pair_dot.h).
constexpr int64_t kMostInt8Inputs = 8260;
constexpr size_t kAlign = 64;
// Rows are read and packed in pieces of a whole number of panels of every instruction set, about as
// large as half of an L2 cache.
constexpr int64_t kPanels = 48;
constexpr int64_t kPieceFloats = 64 << 10;
constexpr int64_t kProjectedColumns = 96;  // Of one piece of Project.

int64_t RowsAtOnce(int64_t rows, int64_t width) {
  return std::min(rows, std::max(kPanels, kPieceFloats / width / kPanels * kPanels));
}

int64_t Pieces(int64_t rows, int64_t at_once) { return (rows + at_once - 1) / at_once; }

int64_t WholeLines(int64_t floats) { return (floats + 15) / 16 * 16; }

}  // namespace

size_t BindingReport::loading_bytes(int threads) const {
  if (scratch_floats == 0) return kept_bytes;
  return kept_bytes + static_cast<size_t>(threads) * PackingJobs::KeptBytes(scratch_floats);
}

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

Binder Binder::Adapted(const AdapterScale& scale) const {
  Binder adapted = *this;
  adapted.adapter_ = &scale;
  return adapted;
}

std::string Binder::Full(std::string_view name) const {
  return prefix_.empty() ? std::string(name) : fmt::format("{}.{}", prefix_, name);
}

std::string Binder::Source::ReadFinite(int64_t first, int64_t count, float* to) const {
  const std::span<float> numbers(to, static_cast<size_t>(count));
  const Result<void> read = file->ReadF32(*tensor, first, numbers);
  if (!read.ok()) return fmt::format("{}: {}", name, read.error().message);
  if (down != nullptr) {
    std::string problem = AddUpdate(first, count, to);
    if (!problem.empty()) return problem;
  }
  if (AllFinite(numbers)) return {};
  const auto bad = std::find_if(numbers.begin(), numbers.end(),
                                [](float number) { return !std::isfinite(number); });
  return fmt::format("{} holds {}, expected finite numbers", name, *bad);
}

// In f32 as PEFT merges, a few rows at a time, so that what is needed of B fits the stack.
std::string Binder::Source::AddUpdate(int64_t first, int64_t count, float* to) const {
  constexpr int64_t kColumns = 1024;
  std::array<float, 4096> b;
  std::array<float, kColumns> a;
  const int64_t rank = up->shape[1], in = down->shape[1];
  for (int64_t at = first; at < first + count;) {
    // Whole rows, or part of one.
    const int64_t column = at % in;
    const int64_t left = first + count - at;
    const int64_t columns = std::min(in - column, left);
    const int64_t rows =
        columns < in ? 1 : std::min(left / in, static_cast<int64_t>(b.size()) / rank);
    Result<void> read =
        file->ReadF32(*up, at / in * rank, std::span(b).first(static_cast<size_t>(rows * rank)));
    for (int64_t r = 0; r < rank && read.ok(); ++r) {
      for (int64_t begin = 0; begin < columns && read.ok(); begin += kColumns) {
        const int64_t wide = std::min(kColumns, columns - begin);
        read = file->ReadF32(*down, r * in + column + begin,
                             std::span(a).first(static_cast<size_t>(wide)));
        for (int64_t row = 0; row < rows; ++row) {
          const float factor = scale * b[static_cast<size_t>(row * rank + r)];
          float* const out = to + (at - first) + row * in + begin;
          for (int64_t i = 0; i < wide; ++i) out[i] += factor * a[static_cast<size_t>(i)];
        }
      }
    }
    if (!read.ok()) return fmt::format("{}: {}", name, read.error().message);
    at += rows * columns;
  }
  return {};
}

std::string Binder::Source::ReadInt8(int64_t first, int64_t count, int64_t width, int8_t* to,
                                     float* scales_to) const {
  const std::span<int8_t> numbers(to, static_cast<size_t>(count * width));
  const std::span<float> steps(scales_to, static_cast<size_t>(count));
  Result<void> read = file->Read(*tensor, first * width, std::as_writable_bytes(numbers));
  if (read.ok()) read = file->ReadF32(*scales, first, steps);
  if (!read.ok()) return fmt::format("{}: {}", name, read.error().message);
  if (std::find(numbers.begin(), numbers.end(), -128) != numbers.end()) {
    return fmt::format("{} holds -128, expected -127 to 127", name);
  }
  const auto bad = std::find_if(steps.begin(), steps.end(),
                                [](float step) { return !(step >= 0) || !std::isfinite(step); });
  if (bad == steps.end()) return {};
  return fmt::format("{}{} holds {}, expected finite numbers from 0", name, kScalesSuffix, *bad);
}

const std::pair<const std::string, StoredTensor>* Binder::Find(
    const std::string& full, std::initializer_list<int64_t> shape) {
  auto found = file_->tensors().find(full);
  if (found == file_->tensors().end() && adapter_ != nullptr) {
    const size_t dot = full.rfind('.');
    found = file_->tensors().find(full.substr(0, dot) + ".base_layer" + full.substr(dot));
  }
  if (found == file_->tensors().end()) {
    const Error error = file_->Require(full).error();
    report_->problems.push_back(
        error.code == Code::kUnsupported
            ? error.message
            : fmt::format("{} is missing, expected {}", full, ShapeText(shape)));
    return nullptr;
  }
  const StoredTensor& tensor = found->second;
  if (!std::equal(shape.begin(), shape.end(), tensor.shape.begin(), tensor.shape.end())) {
    report_->problems.push_back(
        fmt::format("{} is {}, expected {}", full, ShapeText(tensor.shape), ShapeText(shape)));
    return nullptr;
  }
  return &*found;
}

Binder::Source Binder::Read(std::string_view name, std::initializer_list<int64_t> shape,
                            const TensorUse& use) {
  const auto* found = Find(Full(name), shape);
  if (found == nullptr) return {};
  const std::string& full = found->first;
  const StoredTensor& tensor = found->second;
  if (!IsFloat(tensor.type)) {
    report_->problems.push_back(
        fmt::format("{} has type {}, expected f32, f16 or bf16", full, DtypeName(tensor.type)));
    return {};
  }
  const auto [known, first] = report_->used.try_emplace(full);
  if (first) report_->parameters += tensor.elements();
  TensorUse& uses = known->second;
  uses.whole_map |= use.whole_map;
  uses.part_of_map |= use.part_of_map;
  uses.rows_in_file |= use.rows_in_file;
  uses.exact |= use.exact;
  Source source{.file = file_, .tensor = &tensor, .name = found->first};
  if (adapter_ != nullptr) FindUpdate(full, source);
  return source;
}

void Binder::FindUpdate(const std::string& full, Source& source) {
  constexpr std::string_view kBase = ".base_layer.weight";
  if (!full.ends_with(kBase)) return;
  const std::string stem = full.substr(0, full.size() - kBase.size());
  const auto find = [&](std::string_view which) {
    for (const char* adapter : {".default", ""}) {
      const auto found = file_->tensors().find(fmt::format("{}.{}{}.weight", stem, which, adapter));
      if (found != file_->tensors().end()) return found;
    }
    return file_->tensors().end();
  };
  const auto down = find("lora_A"), up = find("lora_B");
  const auto& shape = source.tensor->shape;
  const auto end = file_->tensors().end();
  const bool fits = down != end && up != end && shape.size() == 2 &&
                    down->second.shape.size() == 2 && up->second.shape.size() == 2 &&
                    down->second.shape[1] == shape[1] && up->second.shape[0] == shape[0] &&
                    down->second.shape[0] == up->second.shape[1] && up->second.shape[1] > 0 &&
                    up->second.shape[1] <= 4096;
  TensorUse& use = report_->used[full];
  if (!fits || use.rows_in_file) {
    report_->problems.push_back(
        fmt::format("{} has no lora_A [r, in] and lora_B [out, r] of a linear map", stem));
    return;
  }
  source.down = &down->second;
  source.up = &up->second;
  source.scale = static_cast<float>((*adapter_)(up->second.shape[1]));
  use.exact = true;  // The sum is rounded, not the base.
  for (const auto& part : {down, up}) {
    const auto [known, first] = report_->used.try_emplace(part->first, TensorUse{.exact = true});
    if (first) report_->parameters += part->second.elements();
  }
}

Binder::Source Binder::ReadMap(std::string_view name, int64_t out, int64_t in) {
  const std::string full = Full(name);
  const StoredTensor* stored = file_->Find(full);
  if (stored == nullptr || stored->type != Dtype::kI8 || type_ != WeightType::kInt8) {
    return Read(name, {out, in}, {.whole_map = true});
  }
  const auto* found = Find(full, {out, in});
  const std::string scales_name = full + kScalesSuffix;
  const auto* scales = Find(scales_name, {out});
  if (found == nullptr || scales == nullptr) return {};
  if (scales->second.type != Dtype::kF32) {
    report_->problems.push_back(
        fmt::format("{} has type {}, expected f32", scales_name, DtypeName(scales->second.type)));
    return {};
  }
  if (report_->used.try_emplace(full, TensorUse{.whole_map = true}).second) {
    report_->parameters += stored->elements();
  }
  report_->used.try_emplace(scales_name, TensorUse{.exact = true});
  return {.file = file_, .tensor = stored, .name = found->first, .scales = &scales->second};
}

std::byte* Binder::TakeBytes(size_t bytes) {
  const size_t at = report_->block_bytes;
  report_->block_bytes += (bytes + kAlign - 1) / kAlign * kAlign;
  if (block_.empty()) return nullptr;
  WATERLINE_CHECK(report_->block_bytes <= block_.size());
  return block_.data() + at;
}

float* Binder::TakeFloats(int64_t count) {
  return reinterpret_cast<float*>(TakeBytes(static_cast<size_t>(count) * sizeof(float)));
}

std::byte* Binder::TakeWeight(int64_t out, int64_t in, Weight& w) {
  if (type_ == WeightType::kInt8 && in > kMostInt8Inputs) {
    report_->problems.push_back(
        fmt::format("{} has a linear map of {} inputs, and int8 takes at most {}; run it as bf16",
                    prefix_.empty() ? "the head" : prefix_, in, kMostInt8Inputs));
  }
  w = {.out = out, .in = in, .type = type_};
  std::byte* packed = TakeBytes(kernels_->PackedBytes(type_, out, in));
  w.packed = packed;
  return packed;
}

void Binder::Leave(Stage stage, std::initializer_list<Source> sources, int64_t pieces,
                   int64_t scratch_floats, PackingJobs::Piece run) {
  report_->scratch_floats = std::max(report_->scratch_floats, scratch_floats);
  for (const Source& source : sources) {
    if (source.tensor == nullptr) return;
  }
  if (!measuring()) jobs_->Add(stage, pieces, std::move(run));
}

void Binder::PackRows(const Source& source, int64_t row, const Weight& w, std::byte* packed) {
  if (source.tensor == nullptr) return;
  PackSomeRows(source, 0, source.tensor->elements() / w.in, row, w, packed);
}

void Binder::PackSomeRows(const Source& source, int64_t first, int64_t rows, int64_t row,
                          const Weight& w, std::byte* packed) {
  if (source.tensor == nullptr) return;
  const int64_t at_once = RowsAtOnce(rows, w.in);
  if (source.scales != nullptr) {
    const int64_t numbers = WholeLines((at_once * w.in + 3) / 4);
    Leave(Stage::kRead, {source}, Pieces(rows, at_once), numbers + at_once,
          [=, kernels = kernels_](int64_t piece, float* scratch) {
            const int64_t begin = piece * at_once;
            const int64_t count = std::min(at_once, rows - begin);
            auto* const from = reinterpret_cast<int8_t*>(scratch);
            std::string problem =
                source.ReadInt8(first + begin, count, w.in, from, scratch + numbers);
            kernels->PackInt8(from, scratch + numbers, row + begin, count, w, packed);
            return problem;
          });
    return;
  }
  Leave(Stage::kRead, {source}, Pieces(rows, at_once), at_once * w.in,
        [=, kernels = kernels_](int64_t piece, float* scratch) {
          const int64_t begin = piece * at_once;
          const int64_t count = std::min(at_once, rows - begin);
          std::string problem = source.ReadFinite((first + begin) * w.in, count * w.in, scratch);
          kernels->Pack(scratch, row + begin, count, w, packed);
          return problem;
        });
}

void Binder::CopyVector(const Source& source, float* to) {
  Leave(Stage::kRead, {source}, 1, 0,
        [=](int64_t, float*) { return source.ReadFinite(0, source.tensor->elements(), to); });
}

const float* Binder::Bias(std::string_view name, int64_t width) {
  return Vector(fmt::format("{}.bias", name), width);
}

Weight Binder::Linear(std::string_view name, int64_t out, int64_t in, bool bias) {
  Weight w;
  std::byte* packed = TakeWeight(out, in, w);
  PackRows(ReadMap(fmt::format("{}.weight", name), out, in), 0, w, packed);
  if (bias) w.bias = Bias(name, out);
  return w;
}

Weight Binder::LinearOf(std::string_view weight, std::string_view bias, int64_t out, int64_t in) {
  Weight w;
  std::byte* packed = TakeWeight(out, in, w);
  PackRows(ReadMap(weight, out, in), 0, w, packed);
  w.bias = Vector(bias, out);
  return w;
}

Weight Binder::LinearStack(std::initializer_list<std::string_view> names, int64_t out_each,
                           int64_t in, bool bias) {
  std::vector<Map> maps;
  for (const std::string_view name : names) maps.push_back({name, out_each});
  return StackMaps(maps, in, bias);
}

Weight Binder::LinearMaps(std::initializer_list<Map> maps, int64_t in, bool bias) {
  return StackMaps({maps.begin(), maps.size()}, in, bias);
}

Weight Binder::StackMaps(std::span<const Map> maps, int64_t in, bool bias) {
  int64_t out = 0;
  for (const Map& map : maps) out += map.out;
  Weight w;
  std::byte* packed = TakeWeight(out, in, w);
  float* const biases = bias ? TakeFloats(out) : nullptr;
  int64_t row = 0;
  for (const Map& map : maps) {
    PackRows(ReadMap(fmt::format("{}.weight", map.name), map.out, in), row, w, packed);
    if (bias) {
      CopyVector(Read(fmt::format("{}.bias", map.name), {map.out}),
                 biases + (measuring() ? 0 : row));
    }
    row += map.out;
  }
  w.bias = biases;
  return w;
}

Weight Binder::LinearByHeads(std::string_view name, std::string_view query_bias,
                             std::string_view value_bias, int64_t heads, int64_t width,
                             int64_t in) {
  const int64_t all = heads * width;
  Weight w;
  std::byte* packed = TakeWeight(3 * all, in, w);
  float* const bias = TakeFloats(3 * all);
  const Source source = ReadMap(fmt::format("{}.weight", name), 3 * all, in);
  for (int64_t part = 0; part < 3; ++part) {
    for (int64_t h = 0; h < heads; ++h) {
      PackSomeRows(source, (3 * h + part) * width, width, part * all + h * width, w, packed);
    }
  }
  const auto part_of_bias = [&](int64_t part) { return bias + (measuring() ? 0 : part * all); };
  CopyVector(Read(query_bias, {all}), part_of_bias(0));
  if (!measuring()) std::fill_n(part_of_bias(1), all, 0.f);
  CopyVector(Read(value_bias, {all}), part_of_bias(2));
  w.bias = bias;
  return w;
}

Weight Binder::LinearColumns(std::string_view name, int64_t out, int64_t all, int64_t begin,
                             int64_t in, bool bias) {
  Weight w;
  std::byte* packed = TakeWeight(out, in, w);
  const Source source = Read(fmt::format("{}.weight", name), {out, all}, {.part_of_map = true});
  const int64_t at_once = RowsAtOnce(out, all);
  Leave(Stage::kRead, {source}, Pieces(out, at_once), at_once * all,
        [=, kernels = kernels_](int64_t piece, float* scratch) {
          const int64_t row = piece * at_once;
          const int64_t count = std::min(at_once, out - row);
          std::string problem = source.ReadFinite(row * all, count * all, scratch);
          for (int64_t r = 0; r < count; ++r) {  // The columns alone, end to end.
            std::copy_n(scratch + r * all + begin, in, scratch + r * in);
          }
          kernels->Pack(scratch, row, count, w, packed);
          return problem;
        });
  if (bias) w.bias = Bias(name, out);
  return w;
}

Weight Binder::LinearRows(std::string_view name, int64_t all, int64_t begin, int64_t out,
                          int64_t in) {
  Weight w;
  std::byte* packed = TakeWeight(out, in, w);
  PackSomeRows(ReadMap(fmt::format("{}.weight", name), all, in), begin, out, 0, w, packed);
  float* bias = TakeFloats(out);
  const Source source = Read(fmt::format("{}.bias", name), {all});
  Leave(Stage::kRead, {source}, 1, 0,
        [=](int64_t, float*) { return source.ReadFinite(begin, out, bias); });
  w.bias = bias;
  return w;
}

Weight Binder::LinearFolded(std::string_view name, int64_t out, int64_t in) {
  Weight w;
  std::byte* packed = TakeWeight(in + 1, out, w);
  const Source weight = Read(fmt::format("{}.weight", name), {out, in}, {.part_of_map = true});
  const Source bias = Read(fmt::format("{}.bias", name), {out});
  // Columns are gathered from every row, so that a piece needs no other's; many of them, so that
  // each read is worth its call.
  const int64_t at_once = RowsAtOnce(in, out / 2 + 1);
  const int64_t pieces = Pieces(in, at_once);
  Leave(Stage::kRead, {weight, bias}, pieces, 2 * at_once * out,
        [=, kernels = kernels_](int64_t piece, float* scratch) {
          const int64_t column = piece * at_once;
          const int64_t count = std::min(at_once, in - column);
          float* const rows = scratch + at_once * out;
          std::string problem;
          for (int64_t o = 0; o < out && problem.empty(); ++o) {
            problem = weight.ReadFinite(o * in + column, count, scratch + o * count);
          }
          for (int64_t i = 0; i < count; ++i) {
            for (int64_t o = 0; o < out; ++o) rows[i * out + o] = scratch[o * count + i];
          }
          kernels->Pack(rows, column, count, w, packed);
          if (piece == pieces - 1) {
            std::string other = bias.ReadFinite(0, out, rows);
            kernels->Pack(rows, in, 1, w, packed);
            if (problem.empty()) problem = std::move(other);
          }
          return problem;
        });
  return w;
}

Weight Binder::Conv1d(std::string_view name, int64_t out, int64_t in, int64_t groups,
                      int64_t kernel) {
  Weight w;
  std::byte* packed = TakeWeight(out, in * kernel, w);
  const int64_t stored = in / groups * kernel, width = in * kernel;
  const Source source =
      Read(fmt::format("{}.weight", name), {out, in / groups, kernel}, {.part_of_map = true});
  const int64_t at_once = RowsAtOnce(out, width);
  Leave(Stage::kRead, {source}, Pieces(out, at_once), at_once * (width + stored),
        [=, kernels = kernels_](int64_t piece, float* scratch) {
          const int64_t row = piece * at_once;
          const int64_t count = std::min(at_once, out - row);
          float* const from = scratch + at_once * width;
          std::string problem = source.ReadFinite(row * stored, count * stored, from);
          // Channels of other groups get zero weights.
          std::fill_n(scratch, count * width, 0.f);
          for (int64_t r = 0; r < count; ++r) {
            const int64_t first = (row + r) / (out / groups) * stored;
            std::copy_n(from + r * stored, stored, scratch + r * width + first);
          }
          kernels->Pack(scratch, row, count, w, packed);
          return problem;
        });
  w.bias = Bias(name, out);
  return w;
}

const float* Binder::Taps(std::string_view name, int64_t channels, int64_t kernel) {
  float* const taps = TakeFloats(kernel * channels);
  const Source source = Read(fmt::format("{}.weight", name), {channels, 1, kernel});
  Leave(Stage::kRead, {source}, 1, kernel * channels, [=](int64_t, float* scratch) {
    std::string problem = source.ReadFinite(0, kernel * channels, scratch);
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t j = 0; j < kernel; ++j) taps[j * channels + c] = scratch[c * kernel + j];
    }
    return problem;
  });
  return taps;
}

Weight Binder::ConvTap(std::string_view name, std::string_view bias, int64_t out, int64_t in,
                       int64_t kernel, int64_t tap) {
  Weight w;
  std::byte* packed = TakeWeight(out, in, w);
  const Source source = Read(name, {out, in, kernel}, {.part_of_map = true});
  const int64_t width = in * kernel;
  const int64_t at_once = RowsAtOnce(out, width);
  Leave(Stage::kRead, {source}, Pieces(out, at_once), at_once * width,
        [=, kernels = kernels_](int64_t piece, float* scratch) {
          const int64_t row = piece * at_once;
          const int64_t count = std::min(at_once, out - row);
          std::string problem = source.ReadFinite(row * width, count * width, scratch);
          for (int64_t i = 0; i < count * in; ++i) scratch[i] = scratch[i * kernel + tap];
          kernels->Pack(scratch, row, count, w, packed);
          return problem;
        });
  if (!bias.empty()) w.bias = Vector(bias, out);
  return w;
}

Ops::LstmWeights Binder::Lstm(std::string_view name, int layer, int64_t in, int64_t hidden,
                              int64_t directions) {
  Binder reader = In(name);
  Ops::LstmWeights w;
  w.hidden = hidden;
  w.directions = directions;
  const int64_t gates = 4 * hidden;
  std::byte* packed = TakeWeight(directions * gates, in, w.input);
  float* bias = TakeFloats(directions * gates);
  float* recurrent[2] = {};
  for (int64_t d = 0; d < directions; ++d) {
    recurrent[d] = TakeFloats(static_cast<int64_t>(kernels_->PackedLstmFloats(hidden)));
  }
  const char* const suffix[2] = {"", "_reverse"};
  for (int64_t d = 0; d < directions; ++d) {
    const auto read = [&](const char* what, std::initializer_list<int64_t> shape) {
      return reader.Read(fmt::format("{}_l{}{}", what, layer, suffix[d]), shape);
    };
    PackRows(reader.ReadMap(fmt::format("weight_ih_l{}{}", layer, suffix[d]), gates, in), d * gates,
             w.input, packed);
    const Source hh = read("weight_hh", {gates, hidden});
    const int64_t at_once = RowsAtOnce(gates, hidden);
    Leave(Stage::kRead, {hh}, Pieces(gates, at_once), at_once * hidden,
          [=, kernels = kernels_, to = recurrent[d]](int64_t piece, float* scratch) {
            const int64_t row = piece * at_once;
            const int64_t count = std::min(at_once, gates - row);
            std::string problem = hh.ReadFinite(row * hidden, count * hidden, scratch);
            kernels->PackLstm(scratch, row, count, hidden, to);
            return problem;
          });
    // Both biases are added once here instead of at every step.
    const Source a = read("bias_ih", {gates}), b = read("bias_hh", {gates});
    Leave(Stage::kRead, {a, b}, 1, 2 * gates,
          [=, to = measuring() ? nullptr : bias + d * gates](int64_t, float* scratch) {
            std::string problem = a.ReadFinite(0, gates, scratch);
            std::string other = b.ReadFinite(0, gates, scratch + gates);
            for (int64_t i = 0; i < gates; ++i) to[i] = 0.f + scratch[i] + scratch[gates + i];
            return problem.empty() ? other : problem;
          });
  }
  w.input.bias = bias;
  w.forward = recurrent[0];
  w.backward = recurrent[1];
  return w;
}

Norm Binder::LayerNorm(std::string_view name, int64_t width, double eps, bool bias) {
  const float* gamma = Vector(fmt::format("{}.weight", name), width);
  const float* beta = bias ? Bias(name, width) : nullptr;
  return {.width = width, .gamma = gamma, .beta = beta, .eps = static_cast<float>(eps)};
}

Norm Binder::RmsNorm(std::string_view name, int64_t width, double eps) {
  Norm norm = LayerNorm(name, width, eps, /*bias=*/false);
  norm.centred = false;
  return norm;
}

FileTable Binder::TableInFile(std::string_view name, int64_t rows, int64_t cols) {
  const Source source = Read(name, {rows, cols}, {.rows_in_file = true});
  if (source.tensor == nullptr) return {.rows = rows, .cols = cols};
  FileTable table{
      .rows = rows, .cols = cols, .file = file_, .tensor = source.tensor, .name = source.name};
  if (kernels_->on_host()) {
    report_->in_file_bytes += source.tensor->bytes();
    return table;
  }
  const size_t width = table.row_bytes();
  std::byte* const to = TakeBytes(static_cast<size_t>(rows) * width);
  const int64_t at_once = RowsAtOnce(rows, cols);
  Leave(Stage::kRead, {source}, Pieces(rows, at_once), 0, [=](int64_t piece, float*) {
    const int64_t row = piece * at_once, count = std::min(at_once, rows - row);
    const size_t begin = static_cast<size_t>(row) * width;
    const Result<void> read = source.file->Read(*source.tensor, row * cols,
                                                {to + begin, static_cast<size_t>(count) * width});
    return read.ok() ? std::string() : read.error().message;
  });
  table.resident = to;
  return table;
}

MatView Binder::Computed(int64_t rows, int64_t cols,
                         std::function<void(int64_t row, float* to)> fill) {
  const int64_t stride = WholeLines(cols);
  const MatView table{TakeFloats(rows * stride), rows, cols, stride};
  Leave(Stage::kRead, {}, 1, 0, [=, fill = std::move(fill)](int64_t, float*) {
    for (int64_t row = 0; row < rows; ++row) fill(row, table.row(row));
    return std::string();
  });
  return table;
}

Table Binder::TableInMemory(std::string_view name, int64_t rows, int64_t cols) {
  float* values = TakeFloats(rows * cols);
  CopyVector(Read(name, {rows, cols}), values);
  return {.rows = rows,
          .cols = cols,
          .type = Dtype::kF32,
          .data = reinterpret_cast<const std::byte*>(values)};
}

MatView Binder::Columns(std::string_view name, int64_t rows, int64_t cols) {
  const int64_t stride = WholeLines(rows);
  const MatView columns{TakeFloats(cols * stride), cols, rows, stride};
  const Source source = Read(name, {rows, cols});
  Leave(Stage::kRead, {source}, 1, rows * cols, [=](int64_t, float* scratch) {
    std::string problem = source.ReadFinite(0, rows * cols, scratch);
    for (int64_t c = 0; c < cols; ++c) {
      for (int64_t r = 0; r < rows; ++r) columns.row(c)[r] = scratch[r * cols + c];
    }
    return problem;
  });
  return columns;
}

MatView Binder::Reshaped(std::string_view name, int64_t rows, int64_t cols, int64_t width) {
  WATERLINE_CHECK(rows * cols % width == 0);
  const int64_t count = rows * cols / width, stride = WholeLines(width);
  const MatView shaped{TakeFloats(count * stride), count, width, stride};
  const Source source = Read(name, {rows, cols});
  Leave(Stage::kRead, {source}, 1, 0, [=](int64_t, float*) {
    std::string problem;
    for (int64_t r = 0; r < count && problem.empty(); ++r) {
      problem = source.ReadFinite(r * width, width, shaped.row(r));
    }
    return problem;
  });
  return shaped;
}

const float* Binder::Vector(std::string_view name, int64_t width) {
  float* values = TakeFloats(width);
  CopyVector(Read(name, {width}), values);
  return values;
}

const float* Binder::Row(std::string_view name, int64_t rows, int64_t cols, int64_t row) {
  float* values = TakeFloats(cols);
  const Source source = Read(name, {rows, cols});
  if (row >= rows) {
    report_->problems.push_back(
        fmt::format("{} has {} rows, but row {} is needed", Full(name), rows, row));
    return values;
  }
  Leave(Stage::kRead, {source}, 1, 0,
        [=](int64_t, float*) { return source.ReadFinite(row * cols, cols, values); });
  return values;
}

MatView Binder::Normalise(const FileTable& table, const Norm& norm) {
  const auto known = report_->normalised.find(table.tensor);
  if (known != report_->normalised.end()) return known->second;
  MatView x{nullptr, table.rows, table.cols, WholeLines(table.cols)};
  report_->kept_bytes += PackingJobs::KeptBytes(x.rows * x.stride);
  if (!measuring()) x.data = jobs_->Keep(x.rows * x.stride);
  report_->normalised.emplace(table.tensor, x);
  report_->used[std::string(table.name)].exact = true;
  const Source source{.file = table.file, .tensor = table.tensor, .name = table.name};
  Leave(Stage::kNormalise, {source}, Pieces(x.rows, kPanels), 0,
        [=, kernels = &kernels_->at_load()](int64_t piece, float*) {
          const MatView rows = x.Rows(piece * kPanels, std::min(x.rows, (piece + 1) * kPanels));
          std::string problem;
          for (int64_t r = 0; r < rows.rows && problem.empty(); ++r) {
            problem = source.ReadFinite((piece * kPanels + r) * rows.cols, rows.cols, rows.row(r));
          }
          if (norm.width > 0) kernels->AddLayerNorm(rows, {}, norm, rows);
          return problem;
        });
  return x;
}

MatView Binder::Project(const FileTable& table, const Norm& norm, std::string_view name,
                        int64_t out, bool has_bias) {
  const int64_t stride = WholeLines(out);
  const MatView projected{TakeFloats(table.rows * stride), table.rows, out, stride};
  const Source weight = Read(fmt::format("{}.weight", name), {out, table.cols});
  const Source bias = has_bias ? Read(fmt::format("{}.bias", name), {out}) : weight;
  if (table.tensor == nullptr) return projected;
  const MatView x = Normalise(table, norm);
  // In f32 whatever the type of other maps: the table is made once.
  const int64_t in = table.cols;
  const int64_t at_once = std::min(out, kProjectedColumns);
  const Kernels* const kernels = &kernels_->at_load();
  const auto packed_floats = WholeLines(
      static_cast<int64_t>(kernels->PackedBytes(WeightType::kF32, at_once, in) / sizeof(float)));
  WATERLINE_CHECK(kernels->LinearScratchBytes(table.rows, {.out = at_once, .in = in}) == 0);
  Leave(Stage::kProject, {weight, bias}, Pieces(out, at_once), packed_floats + at_once * (in + 1),
        [=](int64_t piece, float* scratch) {
          const int64_t begin = piece * at_once;
          const int64_t count = std::min(at_once, out - begin);
          float* const rows = scratch + packed_floats;
          float* const bias_values = rows + at_once * in;
          std::string problem = weight.ReadFinite(begin * in, count * in, rows);
          std::string other;
          if (has_bias) other = bias.ReadFinite(begin, count, bias_values);
          auto* const packed = reinterpret_cast<std::byte*>(scratch);
          const Weight w{
              .out = count, .in = in, .packed = packed, .bias = has_bias ? bias_values : nullptr};
          kernels->Pack(rows, 0, count, w, packed);
          kernels->Linear(x, w, Act::kNone, {}, projected.Cols(begin, begin + count));
          return problem.empty() ? other : problem;
        });
  return projected;
}

}  // namespace waterline
