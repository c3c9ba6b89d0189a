// One op judged by itself: right outputs pass, mistakes fail and are named, and calls without a
// meaning are refused.
#include "compare/kernel/check.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/errors.h"
#include "base/random.h"
#include "tests/candidates/op_bench.h"

namespace plumb::kernel {
namespace {

using result::Verdict;
using Bench = candidates::testing::Tensor;

Tensor made(const std::string& name, std::vector<int64_t> shape, std::vector<double> values,
            base::DType dtype = base::DType::kF32) {
  base::round_to(dtype, values);
  Tensor tensor;
  tensor.where = "a test";
  tensor = with_values(tensor, std::move(shape), values);
  tensor.name = name;
  tensor.is_named = true;
  return tensor;
}

Tensor drawn(const std::string& name, const std::vector<int64_t>& shape, uint64_t seed = 1,
             double scale = 1.0) {
  const Bench values = candidates::testing::random_tensor(shape, seed + name.size(), scale);
  return made(name, shape, values.values);
}

Bench as_bench(const Tensor& tensor) {
  return {tensor.shape, tensor.values()};
}

const graph::Contract* float32() {
  return &graph::default_contract(base::DType::kF32);
}

result::Result judge(Call call) {
  call.contract = float32();
  return check(call, base::Threads(1));
}

struct Norm {
  Tensor x = drawn("x", {9, 24});
  Tensor w = drawn("w", {24}, 2);
  double eps = 1e-6;

  std::vector<double> output() const {
    const std::vector<double> values = x.values();
    const std::vector<double> weights = w.values();
    std::vector<double> y;
    for (size_t i = 0; i < values.size(); ++i) {
      double sum = 0.0;
      for (size_t k = 0; k < 24; ++k) sum += std::pow(values[i / 24 * 24 + k], 2);
      y.push_back(values[i] / std::sqrt(sum / 24 + eps) * weights[i % 24]);
    }
    return y;
  }
  Call call(const std::vector<double>& y) const {
    return {.op = "rms_norm",
            .inputs = {x, w},
            .outputs = {made("out", x.shape, y)},
            .attributes = {{"eps", "1e-6"}}};
  }
};

TEST(KernelCheck, PassesARightNorm) {
  const Norm norm;
  const result::Result result = judge(norm.call(norm.output()));
  EXPECT_EQ(result.verdict, Verdict::kPassed);
  ASSERT_EQ(result.taps.size(), 1U);
  EXPECT_EQ(result.taps[0].tap, "out");
}

TEST(KernelCheck, NamesWhatANormLeavesOut) {
  Norm norm;
  norm.w = made("w", {24}, std::vector<double>(24, 1.0));
  const std::vector<double> plain = norm.output();
  const result::Result result = judge(Norm().call(plain));
  EXPECT_EQ(result.verdict, Verdict::kFailed);
  ASSERT_TRUE(result.first_divergence);
  EXPECT_EQ(result.first_divergence->tap, "out");
  EXPECT_EQ(result.first_divergence->op, "rms_norm");
  EXPECT_FALSE(result.first_divergence->layer);
  ASSERT_TRUE(result.diagnosis && !result.diagnosis->empty());
  EXPECT_EQ(result.diagnosis->front().cause, "norm_weight_missing");
  EXPECT_EQ(result.diagnosis->front().says, "norm leaves its weight out");
}

TEST(KernelCheck, TellsTheRowThatIsWrong) {
  const Norm norm;
  std::vector<double> y = norm.output();
  for (size_t k = 0; k < 24; ++k) y[7 * 24 + k] = 0.0;
  const result::Result result = judge(norm.call(y));
  EXPECT_EQ(result.verdict, Verdict::kFailed);
  EXPECT_NE(result.first_divergence->where.find("7"), std::string::npos);
}

TEST(KernelCheck, FailsANaN) {
  const Norm norm;
  std::vector<double> y = norm.output();
  y[5] = std::nan("");
  EXPECT_EQ(judge(norm.call(y)).verdict, Verdict::kFailed);
}

TEST(KernelCheck, SaysWhatWeakInputsCannotShow) {
  Norm norm;
  norm.w = made("w", {24}, std::vector<double>(24, 1.0));
  const result::Result result = judge(norm.call(norm.output()));
  EXPECT_EQ(result.verdict, Verdict::kInconclusive);
}

// The engines' own kernels, under the contract of their precision.
TEST(KernelCheck, PassesTheEnginesKernels) {
  const Tensor q = drawn("q", {7, 4, 8}, 1, 1.5);
  const Tensor k = drawn("k", {7, 2, 8}, 2);
  const Tensor v = drawn("v", {7, 2, 8}, 3);
  const auto flat = [](const Tensor& tensor) {
    Bench bench = as_bench(tensor);
    bench.shape = {7, static_cast<int64_t>(bench.width())};
    return bench;
  };
  const graph::Attention op{
      .heads = 4, .kv_heads = 2, .head_dim = 8, .value_dim = 8, .scale = 1 / std::sqrt(8.0)};
  const Bench y = candidates::testing::run_op(
                      {.kind = op, .inputs = {flat(q), flat(k), flat(v)}, .out_width = {32}})
                      .out.front();
  const result::Result result = judge(
      {.op = "attention", .inputs = {q, k, v}, .outputs = {made("out", {7, 4, 8}, y.values)}});
  EXPECT_EQ(result.verdict, Verdict::kPassed);

  // The last three queries by themselves: keys before them begin the state.
  const std::vector<double> all = q.values();
  const Tensor last = made("q", {3, 4, 8}, {all.end() - 96, all.end()});
  const Tensor end = made("out", {3, 4, 8}, {y.values.end() - 96, y.values.end()});
  EXPECT_EQ(judge({.op = "attention", .inputs = {last, k, v}, .outputs = {end}}).verdict,
            Verdict::kPassed);
  const auto without_cache = [](const char* name, const Tensor& tensor) {
    const std::vector<double> values = tensor.values();
    return made(name, {3, 2, 8}, {values.end() - 48, values.end()});
  };
  const result::Result early =
      judge({.op = "attention",
             .inputs = {last, without_cache("k", k), without_cache("v", v)},
             .outputs = {end}});
  EXPECT_EQ(early.verdict, Verdict::kFailed);
}

TEST(KernelCheck, RefusesWhatHasNoMeaning) {
  const Norm norm;
  const Call good = norm.call(norm.output());
  std::vector<Call> calls(11, good);
  calls[0].op = "rms";
  calls[1].inputs.pop_back();
  calls[1].inputs.push_back(drawn("weights", {24}));
  calls[2].inputs.erase(calls[2].inputs.begin());
  calls[3].inputs.push_back(norm.x);
  calls[4].inputs[1] = drawn("w", {23});
  calls[5].outputs[0].shape = {24, 9};
  calls[6].attributes = {{"epsilon", "1e-6"}};
  calls[7].attributes = {{"eps", "small"}};
  calls[8].attributes = {{"eps", "-1"}};
  calls[9].attributes = {{"eps", "1e-6"}, {"eps", "1e-5"}};
  calls[10].inputs[0] = made("x", {9, 24}, std::vector<double>(216, INFINITY));
  for (const Call& call : calls) {
    EXPECT_THROW(judge(call), base::InputError) << &call - calls.data();
  }
  Call rope{.op = "rope", .inputs = {drawn("x", {5, 2, 6})}, .outputs = {drawn("out", {5, 2, 6})}};
  for (const auto& attribute : {std::pair("rotary_dim", "5"),
                                {"rotary_dim", "8"},
                                {"theta", "0"},
                                {"rope_type", "linear2"},
                                {"rope_type", "yarn"},
                                {"pairs", "all"}}) {
    rope.attributes = {attribute};
    EXPECT_THROW(judge(rope), base::InputError) << attribute.first << attribute.second;
  }
}

}  // namespace
}  // namespace plumb::kernel
