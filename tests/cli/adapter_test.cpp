// --adapter: a LoRA means W + s B A, and a bad one is refused in one line.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>

#include "base/dtype.h"
#include "base/json.h"
#include "base/random.h"
#include "tests/cli/scene.h"
#include "trace/trace_file.h"

namespace plumb::tests {
namespace {

using base::Json;

constexpr int kRank = 3;
const std::string kModule = "model.layers.0.self_attn.q_proj";
const std::string kTensor = "base_model.model." + kModule;

BuiltTensor f64_tensor(const std::string& name, const std::vector<int64_t>& shape,
                       const std::vector<double>& values) {
  std::string bytes(values.size() * sizeof(double), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return {name, "F64", shape, bytes};
}

std::vector<double> numbers(uint64_t key, int64_t count) {
  std::vector<double> values(static_cast<size_t>(count));
  for (size_t i = 0; i < values.size(); ++i) values[i] = 0.1 * base::random_normal(key, i);
  return values;
}

class AdapterTest : public testing::Test {
 protected:
  AdapterTest() {
    expect({"synth", "llama", "--set", "num_hidden_layers=1", "-o", "ckpt"}, 0);
    tensors_ = take_apart(path() / "ckpt/model.safetensors");
    const BuiltTensor& weight = tensor(kModule + ".weight");
    rows_ = weight.shape[0];
    columns_ = weight.shape[1];
    a_ = numbers(1, kRank * columns_);
    b_ = numbers(2, rows_ * kRank);
    adapter_ = {f64_tensor(kTensor + ".lora_A.weight", {kRank, columns_}, a_),
                f64_tensor(kTensor + ".lora_B.weight", {rows_, kRank}, b_)};
    config_ = {
        {"peft_type", "LORA"}, {"r", kRank}, {"lora_alpha", 5}, {"target_modules", {"q_proj"}}};
  }

  const std::filesystem::path& path() const { return folder_.path(); }
  BuiltTensor& tensor(const std::string& name) {
    for (BuiltTensor& one : tensors_) {
      if (one.name == name) return one;
    }
    throw std::runtime_error(name);
  }

  Outcome expect(const std::vector<std::string>& arguments, int exit_code) {
    const Outcome outcome = run_plumb(arguments, path());
    EXPECT_EQ(outcome.exit_code, exit_code) << arguments.front() << ": " << outcome.err;
    return outcome;
  }

  void write_adapter() {
    std::filesystem::create_directories(path() / "lora");
    write_text(path() / "lora/adapter_config.json", config_.dump());
    write_text(path() / "lora/adapter_model.safetensors", build_safetensors(adapter_));
  }

  std::vector<double> logits(std::vector<std::string> more, const std::string& checkpoint) {
    std::vector<std::string> call = {"run",      checkpoint, "--engine", "reference", "--tokens",
                                     "3,4,5,60", "--taps",   "logits",   "-o",        "t.h5"};
    call.insert(call.end(), more.begin(), more.end());
    expect(call, 0);
    const trace::TraceFile file(path() / "t.h5");
    return file.recording(base::DType::kF64, file.prompts().front().name)
        ->read({trace::TapId::kLogits, -1})
        .values;
  }

  // The checkpoint with `edit` made on q_proj's weight.
  void write_merged(const std::function<double(int64_t row, int64_t column, double value)>& edit) {
    BuiltTensor& weight = tensor(kModule + ".weight");
    std::vector<double> values(static_cast<size_t>(rows_ * columns_));
    base::widen(base::DType::kBF16, reinterpret_cast<const std::byte*>(weight.bytes.data()),
                values);
    for (int64_t i = 0; i < rows_ * columns_; ++i) {
      double& value = values[static_cast<size_t>(i)];
      value = edit(i / columns_, i % columns_, value);
    }
    weight = f64_tensor(weight.name, weight.shape, values);
    std::filesystem::create_directories(path() / "merged");
    std::filesystem::copy_file(path() / "ckpt/config.json", path() / "merged/config.json");
    write_text(path() / "merged/model.safetensors", build_safetensors(tensors_));
  }

  double change(int64_t row, int64_t column, double factor) const {
    double sum = 0.0;
    for (int64_t i = 0; i < kRank; ++i) {
      sum += factor * b_[static_cast<size_t>(row * kRank + i)] *
             a_[static_cast<size_t>(i * columns_ + column)];
    }
    return sum;
  }

  void expect_merged(double factor) {
    write_adapter();
    write_merged([&](int64_t row, int64_t column, double value) {
      return value + change(row, column, factor);
    });
    const std::vector<double> ours = logits({"--adapter", "lora"}, "ckpt");
    const std::vector<double> merged = logits({}, "merged");
    double moved = 0.0;
    const std::vector<double> plain = logits({}, "ckpt");
    for (size_t i = 0; i < ours.size(); ++i) {
      EXPECT_NEAR(ours[i], merged[i], 1e-12);
      moved = std::max(moved, std::abs(ours[i] - plain[i]));
    }
    EXPECT_GT(moved, 1e-3);
  }

  void refuse(const std::string& said) {
    write_adapter();
    const Outcome outcome = expect({"inspect", "ckpt", "--adapter", "lora"}, 2);
    EXPECT_NE(outcome.err.find(said), std::string::npos) << outcome.err;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  }

  base::TemporaryFolder folder_;
  std::vector<BuiltTensor> tensors_;
  std::vector<BuiltTensor> adapter_;
  Json config_;
  int64_t rows_ = 0;
  int64_t columns_ = 0;
  std::vector<double> a_;
  std::vector<double> b_;
};

TEST_F(AdapterTest, MeansTheMergedWeight) {
  expect_merged(5.0 / kRank);
}

TEST_F(AdapterTest, ReadsFactorsByPatternAndByRoot) {
  config_["r"] = 8;
  config_["use_rslora"] = true;
  config_["rank_pattern"] = {{"q_proj", kRank}};
  config_["alpha_pattern"] = {{"layers.0.self_attn.q_proj", 2}};
  config_["layers_to_transform"] = {0};
  expect_merged(2.0 / std::sqrt(double{kRank}));
}

TEST_F(AdapterTest, IsTakenByEveryVerb) {
  write_adapter();
  EXPECT_NE(expect({"inspect", "ckpt", "--adapter", "lora"}, 0).out.find("adapted by rank 3"),
            std::string::npos);
  expect({"check", "ckpt", "--adapter", "lora", "--candidate", "cpu-f32"}, 0);
  expect({"bisect", "ckpt", "--adapter", "lora", "--candidate", "cpu-f32"}, 0);
  expect({"certify", "ckpt", "--adapter", "lora"}, 0);
  expect({"run", "ckpt", "--engine", "reference", "--tokens", "3,4,5,6,7", "-o", "base.h5"}, 0);
  const Outcome base =
      expect({"check", "ckpt", "--adapter", "lora", "--candidate", "trace:base.h5"}, 1);
  EXPECT_NE(base.out.find("--adapter lora"), std::string::npos) << base.out;
}

TEST_F(AdapterTest, ThatIsBadIsRefused) {
  const auto good = adapter_;
  const Json plain = config_;
  const auto again = [&](const char* said, const std::function<void()>& make) {
    adapter_ = good;
    config_ = plain;
    make();
    refuse(said);
  };
  again("lora_B.weight", [&] { adapter_.pop_back(); });
  again("has shape", [&] { config_["r"] = 4; });
  again("use_qalora", [&] { config_["use_qalora"] = true; });
  again("pissa", [&] { config_["init_lora_weights"] = "pissa_niter_4"; });
  again("peft_type", [&] { config_["peft_type"] = "IA3"; });
  again("matches no module", [&] { config_["target_modules"] = {"q_proj", "wq"}; });
  again("does not target", [&] { config_["target_modules"] = {"k_proj"}; });
  again("the checkpoint has no", [&] {
    config_["target_modules"] = {"qq_proj"};
    for (BuiltTensor& one : adapter_) one.name.replace(one.name.find("q_proj"), 1, "qq");
  });
  again("modules_to_save", [&] { config_["modules_to_save"] = {"lm_head"}; });
  again("use_dora", [&] {
    adapter_.push_back(f64_tensor(kTensor + ".lora_magnitude_vector", {rows_}, numbers(3, rows_)));
  });
  again("lora_magnitude_vector", [&] { config_["use_dora"] = true; });
  again("base_model.model.", [&] { adapter_.front().name = "x"; });
  again("lora_alpha", [&] { config_["lora_alpha"] = "much"; });
  adapter_ = good;
  config_ = plain;
  write_adapter();
  const std::string bytes = read_text(path() / "lora/adapter_model.safetensors");
  write_text(path() / "lora/adapter_model.safetensors", bytes.substr(0, bytes.size() / 2));
  expect({"inspect", "ckpt", "--adapter", "lora"}, 2);
  expect({"inspect", "ckpt", "--adapter", "none"}, 2);
}

}  // namespace
}  // namespace plumb::tests
