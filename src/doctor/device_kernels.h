// The kernels of a device, called with matrices in host memory: each operation copies what it reads
// to the device, runs on a lane as a pass does, dry first, and copies back what it wrote. So that
// what compares kernels on the host compares those, too.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "device/device.h"
#include "kernels/kernels.h"
#include "memory/budget.h"

namespace waterline {

// Not thread-safe. Takes memory of the device for each operation and gives it back after it. When
// the device fails, that operation and all that follow do nothing.
class DeviceKernels final : public Kernels {
 public:
  // Products of linear maps are of `type` where attention and span scores have a choice.
  // Errors: those of Device::MakeLane.
  static Result<std::unique_ptr<DeviceKernels>> Make(Device& device, WeightType type);

  // The first failure of the device. Errors: kIo, kOverBudget.
  Result<void> status() const;
  // From now on each operation is queued so often, after one time before; seconds() of the last one
  // is the time of them all together, from queueing the first to the end of the last.
  void set_repeats(int repeats) { repeats_ = repeats; }
  double seconds() const { return seconds_; }

  const char* name() const override { return like_.name(); }
  int64_t chunk_rows() const override { return like_.chunk_rows(); }
  const Kernels& at_load() const override { return like_.at_load(); }

  size_t PackedBytes(WeightType type, int64_t out, int64_t in) const override;
  void Pack(const float* from, int64_t row, int64_t rows, const Weight& w,
            std::byte* packed) const override;
  void PackInt8(const int8_t* from, const float* scales, int64_t row, int64_t rows, const Weight& w,
                std::byte* packed) const override;
  Rounding InputRounding(WeightType type) const override;
  Rounding ProductRounding() const override;
  size_t PackedLstmFloats(int64_t hidden) const override;
  void PackLstm(const float* from, int64_t row, int64_t rows, int64_t hidden,
                float* packed) const override;

  void Embed(const EmbedArgs& args, MatView out) const override;
  void Linear(MatView x, const Weight& w, Act act, std::span<std::byte> scratch,
              MatView out) const override;
  size_t LinearScratchBytes(int64_t rows, const Weight& w) const override;
  LinearParts PartsOfLinear(int64_t rows, const Weight& w) const override;
  // Devices compute nothing in parts; these must not be called.
  void RoundInputs(MatView, int64_t, int64_t, const Weight&, std::span<std::byte>) const override;
  void LinearPart(MatView, const Weight&, Act, int64_t, int64_t, std::span<std::byte>,
                  std::span<std::byte>, MatView) const override;
  void AddLayerNorm(MatView x, MatView residual, const Norm& norm, MatView out) const override;
  void AddAct(MatView a, MatView b, Act act, MatView out) const override;
  void Scale(MatView x, const float* by, MatView out) const override;
  void AddNorm(MatView x, MatView delta, const Norm& norm, MatView out) const override;
  void Gate(MatView x, Act act) const override;
  void Rotate(MatView angles, std::span<const int32_t> positions, int heads,
              MatView x) const override;
  void Attention(const AttentionArgs& args, MatView out) const override;
  size_t AttentionScratchBytes(int64_t longest, int64_t head_width,
                               const RelativeTerms* relative) const override;
  void Pool(MatView x, std::span<const RowRange> ranges, Pooling pooling,
            MatView out) const override;
  void Lstm(const LstmArgs& args, MatView out) const override;
  size_t LstmScratchBytes(int64_t hidden, int64_t sequences) const override;
  void SpanScores(const SpanScoreArgs& args, std::span<float> scores) const override;
  size_t SpanScoreScratchBytes(int64_t features, int64_t widths,
                               int64_t most_labels) const override;
  void Unfold(MatView x, SequenceBegins begins, int64_t kernel, int64_t first,
              MatView out) const override;
  void GatedConv(const GatedConvArgs& args, MatView out) const override;
  void MixLayers(const MixArgs& args, MatView out) const override;
  size_t MixScratchBytes(int64_t layers, int64_t middle) const override;
  void ClearEmpty(std::span<const RowRange> ranges, MatView x) const override;
  void FeedForward(MatView x, const Weight& up, Act act, const Weight& down,
                   std::span<std::byte> scratch, MatView out) const override;
  size_t FeedForwardScratchBytes(int64_t rows, const Weight& up, const Weight& down) const override;
  void FindCandidates(const CandidateArgs& args, MatView out) const override;
  void GatherRows(MatView x, std::span<const int64_t> rows, MatView out) const override;
  void CopyRows(MatView from, MatView to) const override;

 private:
  class Operands;
  static constexpr size_t kHostBytes = size_t{4} << 20;  // Of the lane's buffers.

  explicit DeviceKernels(Device& device);
  // Runs `operation` on the operands, which are on the device, and brings back what it wrote.
  void Run(Operands& operands, const std::function<void(const Kernels&)>& operation) const;
  void Note(const Error& error) const;

  Device& device_;
  const Kernels& like_;  // Of the device, for sizes and packing.
  std::unique_ptr<Budget> budget_;
  std::unique_ptr<Lane> lane_;
  int repeats_ = 0;
  mutable double seconds_ = 0;
  mutable Result<void> status_;
};

}  // namespace waterline
