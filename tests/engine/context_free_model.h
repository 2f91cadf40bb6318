// A checkpoint whose words know nothing of each other, so that an answer cannot depend on where a
// text is cut. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "engine/models.h"
#include "weights/tensor_file.h"

namespace waterline {

// A copy of the golden checkpoint `name`, a DeBERTa model (whose positions are relative alone),
// with attention that adds nothing, no LSTM, labels read from their own words, and windows of
// `max_len` words. Gone with this object.
class ContextFreeModel {
 public:
  ContextFreeModel(const std::string& name, int max_len) {
    std::string pattern = testing::TempDir() + "waterline-context-free-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    std::filesystem::copy(GoldenModel(name), folder_, std::filesystem::copy_options::recursive);
    std::string config = Read("gliner_config.json");
    Set(config, "max_len", std::to_string(max_len));
    Set(config, "num_rnn_layers", "0");
    Set(config, "embed_ent_token", "false");
    std::ofstream(folder_ / "gliner_config.json") << config;

    const std::filesystem::path weights = folder_ / "model.safetensors";
    const Result<TensorFile> file = TensorFile::Open(weights);
    EXPECT_TRUE(file.ok()) << file.error().message;
    std::fstream bytes(weights, std::ios::in | std::ios::out | std::ios::binary);
    int silenced = 0;
    for (const auto& [tensor, stored] : file->tensors()) {
      if (tensor.find(".attention.output.dense.") == std::string::npos) continue;
      bytes.seekp(static_cast<std::streamoff>(stored.offset));
      bytes << std::string(stored.bytes(), '\0');
      ++silenced;
    }
    EXPECT_GE(silenced, 2);
  }
  ~ContextFreeModel() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  ContextFreeModel(const ContextFreeModel&) = delete;
  ContextFreeModel& operator=(const ContextFreeModel&) = delete;

  std::string path() const { return folder_; }

 private:
  std::string Read(const std::string& name) const {
    std::ifstream file(folder_ / name);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }

  static void Set(std::string& config, const std::string& key, const std::string& value) {
    const std::string quoted = "\"" + key + "\": ";
    const size_t at = config.find(quoted);
    ASSERT_NE(at, std::string::npos) << key;
    const size_t begin = at + quoted.size();
    config.replace(begin, config.find_first_of(",\n", begin) - begin, value);
  }

  std::filesystem::path folder_;
};

}  // namespace waterline
