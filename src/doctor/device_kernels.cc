// SPDX-License-Identifier: Apache-2.0
#include "doctor/device_kernels.h"

#include <chrono>
#include <cstring>
#include <memory_resource>
#include <utility>
#include <vector>

#include "base/check.h"

namespace waterline {
namespace {

constexpr size_t kLine = 64;  // Rows and packed weights begin at multiples of it.

}  // namespace

// Copies on the device of what one operation reads and writes. A part of what is there already is
// that part there, so that operations may write over their inputs.
class DeviceKernels::Operands {
 public:
  explicit Operands(const DeviceKernels& kernels) : kernels_(kernels) {}
  Operands(const Operands&) = delete;
  Operands& operator=(const Operands&) = delete;
  ~Operands() {
    for (const Copy& copy : copies_) kernels_.device_.Give(copy.block);
  }

  // `count` elements from `host`; nullptr for nullptr.
  template <typename T>
  T* Read(T* host, size_t count) {
    const auto* from = reinterpret_cast<const std::byte*>(host);
    return reinterpret_cast<T*>(const_cast<std::byte*>(Place(from, count * sizeof(T))));
  }
  MatView Read(MatView host) {
    if (host.data == nullptr || host.empty()) return host;
    host.data = Read(host.data, SizeOf(host));
    return host;
  }
  Norm Read(Norm host) {
    host.gamma = Read(host.gamma, static_cast<size_t>(host.width));
    host.beta = Read(host.beta, static_cast<size_t>(host.width));
    return host;
  }
  Table Read(Table host) {
    host.data = Read(host.data, static_cast<size_t>(host.rows * host.cols) * DtypeBytes(host.type));
    return host;
  }
  Weight Read(Weight host) {
    host.packed = Read(host.packed, kernels_.PackedBytes(host.type, host.out, host.in));
    host.bias = Read(host.bias, static_cast<size_t>(host.out));
    return host;
  }
  // What the operation writes, and may read: what lies between its rows is kept.
  MatView Write(MatView host) {
    if (host.empty()) return host;
    const MatView there = Read(host);
    written_.push_back({there.data, host.data, SizeOf(host)});
    return there;
  }
  std::span<float> Write(std::span<float> host) {
    float* const there = Read(host.data(), host.size());
    written_.push_back({there, host.data(), host.size()});
    return {there, host.size()};
  }
  // Memory with nothing in it.
  std::span<std::byte> Room(size_t bytes) {
    if (bytes == 0) return {};
    std::byte* const block = Take(nullptr, bytes, 0);
    return block == nullptr ? std::span<std::byte>() : std::span(block, bytes);
  }

  struct Written {
    float* there;
    float* host;
    size_t count;
  };
  const std::vector<Written>& written() const { return written_; }

 private:
  struct Copy {
    const std::byte* host;
    size_t bytes;
    std::byte* there;
    std::byte* block;
  };

  static size_t SizeOf(MatView m) { return static_cast<size_t>((m.rows - 1) * m.stride + m.cols); }

  const std::byte* Place(const std::byte* host, size_t bytes) {
    if (host == nullptr || bytes == 0) return nullptr;
    for (const Copy& copy : copies_) {
      if (copy.host <= host && host + bytes <= copy.host + copy.bytes) {
        return copy.there + (host - copy.host);
      }
    }
    // Lies in its line as on the host, so that what is not aligned there is not here.
    std::byte* const there = Take(host, bytes, reinterpret_cast<uintptr_t>(host) % kLine);
    if (there == nullptr) return nullptr;
    const Result<void> copied = kernels_.device_.Upload({host, bytes}, there);
    if (!copied.ok()) kernels_.Note(copied.error());
    return there;
  }

  std::byte* Take(const std::byte* host, size_t bytes, size_t offset) {
    if (!kernels_.status_.ok()) return nullptr;
    const size_t granularity = kernels_.device_.granularity();
    const size_t whole = (bytes + offset + granularity - 1) / granularity * granularity;
    const Result<std::byte*> block = kernels_.device_.Take(whole);
    if (!block.ok()) {
      kernels_.Note(block.error());
      return nullptr;
    }
    copies_.push_back({host, host == nullptr ? 0 : bytes, *block + offset, *block});
    return *block + offset;
  }

  const DeviceKernels& kernels_;
  std::vector<Copy> copies_;
  std::vector<Written> written_;
};

DeviceKernels::DeviceKernels(Device& device)
    : device_(device), like_(device.kernels()), budget_(std::make_unique<Budget>(kHostBytes)) {}

Result<std::unique_ptr<DeviceKernels>> DeviceKernels::Make(Device& device, WeightType type) {
  std::unique_ptr<DeviceKernels> kernels(new DeviceKernels(device));
  Result<std::unique_ptr<Lane>> lane = device.MakeLane(type, {}, *kernels->budget_);
  if (!lane.ok()) return lane.error();
  kernels->lane_ = std::move(*lane);
  return kernels;
}

Result<void> DeviceKernels::status() const { return status_; }

void DeviceKernels::Note(const Error& error) const {
  if (status_.ok()) status_ = error;
}

void DeviceKernels::Run(Operands& operands,
                        const std::function<void(const Kernels&)>& operation) const {
  if (!status_.ok()) return;
  const Kernels& dry = lane_->BeginPlan(std::pmr::new_delete_resource());
  for (int i = 0; i <= repeats_; ++i) operation(dry);
  const std::span<std::byte> notes = operands.Room(lane_->noted_bytes());
  if (!status_.ok()) return;
  const Kernels& kernels = lane_->BeginRun(notes);
  operation(kernels);
  if (repeats_ > 0) {
    const Result<void> first = lane_->Wait();
    if (!first.ok()) return Note(first.error());
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < repeats_; ++i) operation(kernels);
    const Result<void> done = lane_->Wait();
    if (!done.ok()) return Note(done.error());
    seconds_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }
  for (const Operands::Written& written : operands.written()) {
    const auto count = static_cast<int64_t>(written.count);
    kernels.CopyOut({written.there, 1, count, count}, {written.host, 1, count, count});
  }
  const Result<void> done = lane_->Wait();
  if (!done.ok()) Note(done.error());
  lane_->Forget();
}

size_t DeviceKernels::PackedBytes(WeightType type, int64_t out, int64_t in) const {
  return like_.PackedBytes(type, out, in);
}

void DeviceKernels::Pack(const float* from, int64_t row, int64_t rows, const Weight& w,
                         std::byte* packed) const {
  like_.Pack(from, row, rows, w, packed);
}

void DeviceKernels::PackInt8(const int8_t* from, const float* scales, int64_t row, int64_t rows,
                             const Weight& w, std::byte* packed) const {
  like_.PackInt8(from, scales, row, rows, w, packed);
}

Rounding DeviceKernels::InputRounding(WeightType type) const { return like_.InputRounding(type); }

Rounding DeviceKernels::ProductRounding() const { return lane_->kernels().ProductRounding(); }

size_t DeviceKernels::PackedLstmFloats(int64_t hidden) const {
  return like_.PackedLstmFloats(hidden);
}

void DeviceKernels::PackLstm(const float* from, int64_t row, int64_t rows, int64_t hidden,
                             float* packed) const {
  like_.PackLstm(from, row, rows, hidden, packed);
}

void DeviceKernels::Embed(const EmbedArgs& args, MatView out) const {
  Operands operands(*this);
  EmbedArgs there = args;
  there.words = operands.Read(args.words);
  if (args.places.data != nullptr) there.places = operands.Read(args.places);
  there.every = operands.Read(args.every, static_cast<size_t>(out.cols));
  const MatView to = operands.Write(out);
  Run(operands, [&](const Kernels& k) { k.Embed(there, to); });
}

void DeviceKernels::Linear(MatView x, const Weight& w, Act act, std::span<std::byte> scratch,
                           MatView out) const {
  Operands operands(*this);
  const MatView from = operands.Read(x), to = operands.Write(out);
  const Weight weight = operands.Read(w);
  const std::span<std::byte> room = operands.Room(scratch.size());
  Run(operands, [&](const Kernels& k) { k.Linear(from, weight, act, room, to); });
}

size_t DeviceKernels::LinearScratchBytes(int64_t rows, const Weight& w) const {
  return like_.LinearScratchBytes(rows, w);
}

LinearParts DeviceKernels::PartsOfLinear(int64_t rows, const Weight& w) const {
  return like_.PartsOfLinear(rows, w);
}

void DeviceKernels::RoundInputs(MatView, int64_t, int64_t, const Weight&,
                                std::span<std::byte>) const {
  WATERLINE_CHECK(false);
}

void DeviceKernels::LinearPart(MatView, const Weight&, Act, int64_t, int64_t, std::span<std::byte>,
                               std::span<std::byte>, MatView) const {
  WATERLINE_CHECK(false);
}

void DeviceKernels::AddLayerNorm(MatView x, MatView residual, const Norm& norm, MatView out) const {
  Operands operands(*this);
  const MatView from = operands.Read(x), second = operands.Read(residual), to = operands.Write(out);
  const Norm weights = operands.Read(norm);
  Run(operands, [&](const Kernels& k) { k.AddLayerNorm(from, second, weights, to); });
}

void DeviceKernels::AddAct(MatView a, MatView b, Act act, MatView out) const {
  Operands operands(*this);
  const MatView first = operands.Read(a), second = operands.Read(b), to = operands.Write(out);
  Run(operands, [&](const Kernels& k) { k.AddAct(first, second, act, to); });
}

void DeviceKernels::Scale(MatView x, const float* by, MatView out) const {
  Operands operands(*this);
  const MatView from = operands.Read(x), to = operands.Write(out);
  const float* const factors = operands.Read(by, static_cast<size_t>(x.cols));
  Run(operands, [&](const Kernels& k) { k.Scale(from, factors, to); });
}

void DeviceKernels::AddNorm(MatView x, MatView delta, const Norm& norm, MatView out) const {
  Operands operands(*this);
  const MatView sum = operands.Write(x), added = operands.Read(delta), to = operands.Write(out);
  const Norm weights = operands.Read(norm);
  Run(operands, [&](const Kernels& k) { k.AddNorm(sum, added, weights, to); });
}

void DeviceKernels::Gate(MatView x, Act act) const {
  Operands operands(*this);
  const MatView there = operands.Write(x);
  Run(operands, [&](const Kernels& k) { k.Gate(there, act); });
}

void DeviceKernels::Rotate(MatView angles, std::span<const int32_t> positions, int heads,
                           MatView x) const {
  Operands operands(*this);
  const MatView by = operands.Read(angles), there = operands.Write(x);
  Run(operands, [&](const Kernels& k) { k.Rotate(by, positions, heads, there); });
}

void DeviceKernels::Attention(const AttentionArgs& args, MatView out) const {
  Operands operands(*this);
  AttentionArgs there = args;
  there.q = operands.Read(args.q);
  there.k = operands.Read(args.k);
  there.v = operands.Read(args.v);
  RelativeTerms relative;
  if (args.relative != nullptr) {
    relative = *args.relative;
    relative.keys = operands.Read(relative.keys);
    relative.queries = operands.Read(relative.queries);
    if (relative.bias.rows > 0) relative.bias = operands.Read(relative.bias);
    there.relative = &relative;
  }
  there.scratch = operands.Room(args.scratch.size());
  const MatView to = operands.Write(out);
  Run(operands, [&](const Kernels& k) { k.Attention(there, to); });
}

size_t DeviceKernels::AttentionScratchBytes(int64_t longest, int64_t head_width,
                                            const RelativeTerms* relative) const {
  return like_.AttentionScratchBytes(longest, head_width, relative);
}

void DeviceKernels::Pool(MatView x, std::span<const RowRange> ranges, Pooling pooling,
                         MatView out) const {
  Operands operands(*this);
  const MatView from = operands.Read(x), to = operands.Write(out);
  Run(operands, [&](const Kernels& k) { k.Pool(from, ranges, pooling, to); });
}

void DeviceKernels::Lstm(const LstmArgs& args, MatView out) const {
  Operands operands(*this);
  LstmArgs there = args;
  there.gates = operands.Read(args.gates);
  there.forward = operands.Read(args.forward, PackedLstmFloats(args.hidden));
  there.backward = operands.Read(args.backward, PackedLstmFloats(args.hidden));
  there.scratch = operands.Room(args.scratch.size());
  const MatView to = operands.Write(out);
  Run(operands, [&](const Kernels& k) { k.Lstm(there, to); });
}

size_t DeviceKernels::LstmScratchBytes(int64_t hidden, int64_t sequences) const {
  return like_.LstmScratchBytes(hidden, sequences);
}

void DeviceKernels::SpanScores(const SpanScoreArgs& args, std::span<float> scores) const {
  Operands operands(*this);
  SpanScoreArgs there = args;
  there.start = operands.Read(args.start);
  there.end = operands.Read(args.end);
  there.labels = operands.Read(args.labels);
  there.scratch = operands.Room(args.scratch.size());
  const std::span<float> to = operands.Write(scores);
  Run(operands, [&](const Kernels& k) { k.SpanScores(there, to); });
}

size_t DeviceKernels::SpanScoreScratchBytes(int64_t features, int64_t widths,
                                            int64_t most_labels) const {
  return like_.SpanScoreScratchBytes(features, widths, most_labels);
}

void DeviceKernels::Unfold(MatView x, SequenceBegins begins, int64_t kernel, int64_t first,
                           MatView out) const {
  Operands operands(*this);
  const MatView from = operands.Read(x), to = operands.Write(out);
  Run(operands, [&](const Kernels& k) { k.Unfold(from, begins, kernel, first, to); });
}

void DeviceKernels::GatedConv(const GatedConvArgs& args, MatView out) const {
  Operands operands(*this);
  GatedConvArgs there = args;
  there.x = operands.Read(args.x);
  there.taps = operands.Read(args.taps, static_cast<size_t>(args.kernel * out.cols));
  there.bias = operands.Read(args.bias, static_cast<size_t>(out.cols));
  const MatView to = operands.Write(out);
  Run(operands, [&](const Kernels& k) { k.GatedConv(there, to); });
}

void DeviceKernels::MixLayers(const MixArgs& args, MatView out) const {
  Operands operands(*this);
  const auto sequences = static_cast<int64_t>(args.begins.size()) - 1;
  const auto layers = static_cast<size_t>(args.means.rows / sequences);
  const auto middle = static_cast<size_t>(args.middle);
  MixArgs there = args;
  there.layers = operands.Read(args.layers);
  there.means = operands.Read(args.means);
  there.squeeze = operands.Read(args.squeeze, static_cast<size_t>(out.cols));
  there.squeeze_bias = operands.Read(args.squeeze_bias, 1);
  there.w1 = operands.Read(args.w1, middle * layers);
  there.b1 = operands.Read(args.b1, middle);
  there.w2 = operands.Read(args.w2, layers * middle);
  there.b2 = operands.Read(args.b2, layers);
  there.scratch = operands.Room(args.scratch.size());
  const MatView to = operands.Write(out);
  Run(operands, [&](const Kernels& k) { k.MixLayers(there, to); });
}

size_t DeviceKernels::MixScratchBytes(int64_t layers, int64_t middle) const {
  return like_.MixScratchBytes(layers, middle);
}

void DeviceKernels::ClearEmpty(std::span<const RowRange> ranges, MatView x) const {
  Operands operands(*this);
  const MatView there = operands.Write(x);
  Run(operands, [&](const Kernels& k) { k.ClearEmpty(ranges, there); });
}

void DeviceKernels::FeedForward(MatView x, const Weight& up, Act act, const Weight& down,
                                std::span<std::byte> scratch, MatView out) const {
  Operands operands(*this);
  const MatView from = operands.Read(x), to = operands.Write(out);
  const Weight first = operands.Read(up), second = operands.Read(down);
  const std::span<std::byte> room = operands.Room(scratch.size());
  Run(operands, [&](const Kernels& k) { k.FeedForward(from, first, act, second, room, to); });
}

size_t DeviceKernels::FeedForwardScratchBytes(int64_t rows, const Weight& up,
                                              const Weight& down) const {
  return like_.FeedForwardScratchBytes(rows, up, down);
}

void DeviceKernels::FindCandidates(const CandidateArgs& args, MatView out) const {
  Operands operands(*this);
  CandidateArgs there = args;
  there.logits = {operands.Read(args.logits.data(), args.logits.size()), args.logits.size()};
  const MatView to = operands.Write(out);
  Run(operands, [&](const Kernels& k) { k.FindCandidates(there, to); });
}

void DeviceKernels::GatherRows(MatView x, std::span<const int64_t> rows, MatView out) const {
  Operands operands(*this);
  const MatView from = operands.Read(x), to = operands.Write(out);
  Run(operands, [&](const Kernels& k) { k.GatherRows(from, rows, to); });
}

void DeviceKernels::CopyRows(MatView from, MatView to) const {
  Operands operands(*this);
  const MatView there = operands.Read(from), copy = operands.Write(to);
  Run(operands, [&](const Kernels& k) { k.CopyRows(there, copy); });
}

}  // namespace waterline
