// From the tensors of a checkpoint to weights that kernels read.
//
// Binding runs twice through the same code, as a pass does: first measuring, to know every byte the
// weights will take before one is read, then for real, with places in one block. What is to be read
// and packed into them is left as a list of jobs (packing_jobs.h), which threads share.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/kernels.h"
#include "memory/mat.h"
#include "ops/ops.h"
#include "ops/packing_jobs.h"
#include "weights/tensor_file.h"
#include "weights/weight.h"

namespace waterline {

// What a tensor is read for.
struct TensorUse {
  bool whole_map = false;     // A linear map whose rows stay whole.
  bool part_of_map = false;   // A linear map that is taken apart or transposed.
  bool rows_in_file = false;  // Rows that a pass reads from the file.
  bool exact = false;         // Anything that is computed in f32 whatever the type of linear maps.
};

// What was bound, and what was wrong with it; shared by a binder and those made from it.
struct BindingReport {
  std::vector<std::string> problems;  // One sentence for each missing, misshapen or broken tensor.
  std::map<std::string, TensorUse> used;  // Tensors that are read, scales included.
  size_t block_bytes = 0;                 // Bytes of the weight block used so far.
  size_t kept_bytes = 0;                  // Buffers that all jobs need as long as they run,
  int64_t scratch_floats = 0;             // and what each thread needs.
  size_t in_file_bytes = 0;               // Bytes of tensors that stay in the file.
  int64_t parameters = 0;                 // Elements of the tensors that are read.
  std::map<const StoredTensor*, MatView> normalised;  // Tables for Project.

  // Most that buffers of the reading take at once with `threads` threads.
  size_t loading_bytes(int threads) const;
};

// Binds tensors below a prefix. A problem is noted in the report and binding goes on with empty
// weights, so that all problems of a checkpoint are reported together.
class Binder {
 public:
  // Measures.
  Binder(const TensorFile& file, const Kernels& kernels, BindingReport& report)
      : file_(&file), kernels_(&kernels), report_(&report) {}
  // Binds to `block`, which is filled when `jobs` have run. `file`, `kernels` and `block` must live
  // until then.
  Binder(const TensorFile& file, const Kernels& kernels, std::span<std::byte> block,
         PackingJobs& jobs, BindingReport& report)
      : file_(&file), kernels_(&kernels), block_(block), jobs_(&jobs), report_(&report) {}
  // Measures, and gives weights the places that they have in `block`, a copy of one that was bound
  // and filled in host memory; the host need not be able to reach it.
  Binder(const TensorFile& file, const Kernels& kernels, std::span<std::byte> block,
         BindingReport& report)
      : file_(&file), kernels_(&kernels), block_(block), report_(&report) {}

  // The same, below `prefix` + ".".
  Binder In(std::string_view prefix) const;

  // The same, with linear maps packed as `type`; f32 at first. LSTMs' recurrent matrices, tables
  // and vectors are f32 always.
  Binder As(WeightType type) const;

  // The same for a part of a model that PEFT has wrapped: linear maps are `name`.base_layer plus
  // `scale`(rank) times their low-rank update. `scale` must outlive this and what is made from it.
  using AdapterScale = std::function<double(int64_t rank)>;
  Binder Adapted(const AdapterScale& scale) const;

  bool measuring() const { return jobs_ == nullptr; }

  // `name`.weight [out, in] and `name`.bias [out].
  Weight Linear(std::string_view name, int64_t out, int64_t in, bool bias = true);
  // A linear map whose tensors have other names: `weight` [out, in] and `bias` [out].
  Weight LinearOf(std::string_view weight, std::string_view bias, int64_t out, int64_t in);
  // Several linear maps of the same input as one: rows of names[0], then of names[1], ...
  Weight LinearStack(std::initializer_list<std::string_view> names, int64_t out_each, int64_t in,
                     bool bias = true);
  // The same of maps that differ in height.
  struct Map {
    std::string_view name;
    int64_t out;
  };
  Weight LinearMaps(std::initializer_list<Map> maps, int64_t in, bool bias);
  // `name`.weight [3 * heads * width, in], the query, key and value rows of each head together,
  // with all queries first, then all keys, then all values; the biases `query_bias` and
  // `value_bias` [heads * width].
  Weight LinearByHeads(std::string_view name, std::string_view query_bias,
                       std::string_view value_bias, int64_t heads, int64_t width, int64_t in);
  // Columns [begin, begin + in) of `name`.weight [out, all]; with its bias or without.
  Weight LinearColumns(std::string_view name, int64_t out, int64_t all, int64_t begin, int64_t in,
                       bool bias);
  // Rows [begin, begin + out) of `name`.weight [all, in] and of `name`.bias [all].
  Weight LinearRows(std::string_view name, int64_t all, int64_t begin, int64_t out, int64_t in);
  // The transposed map with the bias as one more row: W' [in + 1, out], W'[:in] = Wᵀ, W'[in] = b.
  // So p W'ᵀ = [p W, p·b]: what is left of a linear map when its output is only multiplied with p.
  Weight LinearFolded(std::string_view name, int64_t out, int64_t in);
  // Conv1d `name`.weight [out, in / groups, kernel] and bias, as a linear map over windows
  // [in * kernel] (column c * kernel + j).
  Weight Conv1d(std::string_view name, int64_t out, int64_t in, int64_t groups, int64_t kernel);
  // `name`.weight [channels, 1, kernel] of a convolution whose channels are apart, as
  // [kernel, channels].
  const float* Taps(std::string_view name, int64_t channels, int64_t kernel);
  // What a convolution with the tensor `name` [out, in, kernel] multiplies the row at offset `tap`
  // of its window with; `bias` is the name of a tensor [out], or empty.
  Weight ConvTap(std::string_view name, std::string_view bias, int64_t out, int64_t in,
                 int64_t kernel, int64_t tap);
  // One layer of a PyTorch LSTM with input width `in`, H = hidden, in one direction or both.
  Ops::LstmWeights Lstm(std::string_view name, int layer, int64_t in, int64_t hidden,
                        int64_t directions = 2);
  // `name`.weight and `name`.bias, [width] each.
  Norm LayerNorm(std::string_view name, int64_t width, double eps, bool bias = true);
  // `name`.weight [width].
  Norm RmsNorm(std::string_view name, int64_t width, double eps);
  // A table [rows, cols] that does not come from the file: fill(row, to) writes each row.
  MatView Computed(int64_t rows, int64_t cols, std::function<void(int64_t row, float* to)> fill);
  // A tensor `name` [rows, cols] that stays in the file; also in memory, as it is stored, for
  // kernels that do not run on the host.
  FileTable TableInFile(std::string_view name, int64_t rows, int64_t cols);
  // A tensor `name` [rows, cols] in memory, as f32.
  Table TableInMemory(std::string_view name, int64_t rows, int64_t cols);
  // The columns of a tensor `name` [rows, cols] as rows [cols, rows], as f32.
  MatView Columns(std::string_view name, int64_t rows, int64_t cols);
  // A tensor `name` [rows, cols], read in the order of its elements as rows of `width`, as f32.
  MatView Reshaped(std::string_view name, int64_t rows, int64_t cols, int64_t width);
  // A tensor `name` [width], as f32.
  const float* Vector(std::string_view name, int64_t width);
  // A row of a table, as f32.
  const float* Row(std::string_view name, int64_t rows, int64_t cols, int64_t row);
  // LayerNorm(table) Wᵀ + b with the linear map `name` [out, cols]: what depends on weights alone
  // is computed once, here. `norm` may have width 0 for none; it is the same for all maps of one
  // table.
  MatView Project(const FileTable& table, const Norm& norm, std::string_view name, int64_t out,
                  bool has_bias = true);
  // Whether the file has a tensor `name`.
  bool Has(std::string_view name) const { return file_->Find(Full(name)) != nullptr; }

 private:
  // A tensor as it is read. Everything lives as long as the file.
  struct Source {
    const TensorFile* file = nullptr;
    const StoredTensor* tensor = nullptr;  // nullptr: there is none, and the report says why.
    std::string_view name = {};
    const StoredTensor* scales = nullptr;  // [rows] of an int8 tensor.
    // An update of a linear map [out, in]: + scale up down.
    const StoredTensor* down = nullptr;  // lora_A [r, in]
    const StoredTensor* up = nullptr;    // lora_B [out, r]
    float scale = 0;

    // Elements [first, first + count) as f32, which must be finite; what is wrong, or "".
    std::string ReadFinite(int64_t first, int64_t count, float* to) const;
    // Adds the update to elements [first, first + count).
    std::string AddUpdate(int64_t first, int64_t count, float* to) const;
    // Rows [first, first + count) of `width` int8, and their scales; what is wrong, or "".
    std::string ReadInt8(int64_t first, int64_t count, int64_t width, int8_t* to,
                         float* scales_to) const;
  };

  Source Read(std::string_view name, std::initializer_list<int64_t> shape,
              const TensorUse& use = {.exact = true});
  // A linear map [out, in] whose rows stay whole; of int8 maps also one that is stored as such.
  Source ReadMap(std::string_view name, int64_t out, int64_t in);
  // The tensor if it has the shape; else nullptr, with a problem in the report.
  const std::pair<const std::string, StoredTensor>* Find(const std::string& full,
                                                         std::initializer_list<int64_t> shape);
  Weight StackMaps(std::span<const Map> maps, int64_t in, bool bias);
  std::string Full(std::string_view name) const;
  // The update of the map whose weight is called `full`, into `source`.
  void FindUpdate(const std::string& full, Source& source);
  float* TakeFloats(int64_t count);
  std::byte* TakeBytes(size_t bytes);
  // Takes the memory of a weight [out, in] and returns it, nullptr when measuring.
  std::byte* TakeWeight(int64_t out, int64_t in, Weight& w);
  // Leaves a job whose pieces need `scratch_floats`, unless a tensor is missing.
  void Leave(Stage stage, std::initializer_list<Source> sources, int64_t pieces,
             int64_t scratch_floats, PackingJobs::Piece run);
  // Packs all rows of the source as those from `row` on.
  void PackRows(const Source& source, int64_t row, const Weight& w, std::byte* packed);
  // Packs its rows [first, first + rows).
  void PackSomeRows(const Source& source, int64_t first, int64_t rows, int64_t row, const Weight& w,
                    std::byte* packed);
  void CopyVector(const Source& source, float* to);
  // `name`.bias [width] in memory.
  const float* Bias(std::string_view name, int64_t width);
  // LayerNorm(table) in a buffer that lives as long as the jobs.
  MatView Normalise(const FileTable& table, const Norm& norm);

  const TensorFile* file_;
  const Kernels* kernels_;
  std::span<std::byte> block_;
  PackingJobs* jobs_ = nullptr;  // nullptr when measuring.
  BindingReport* report_;
  std::string prefix_;
  WeightType type_ = WeightType::kF32;
  const AdapterScale* adapter_ = nullptr;
};

}  // namespace waterline
