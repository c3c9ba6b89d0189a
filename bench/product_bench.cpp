#include <benchmark/benchmark.h>
#include <cblas.h>

#include "base/files.h"
#include "base/safetensors.h"
#include "bench/benchmarks.h"
#include "candidates/cpu/products/product.h"
#include "model/weights.h"

namespace plumb::bench {
namespace {

using base::DType;
using benchmark::State;
using candidates::cpu::Product;

// Rows of x, and W's.
struct Shape {
  size_t rows;
  size_t columns;
  size_t depth;
};

// Products of Qwen3-0.6B and llama-160m, of prompts and of single tokens.
constexpr Shape kShapes[] = {{512, 1024, 1024}, {512, 3072, 1024}, {512, 1024, 3072},
                             {128, 3072, 1024}, {512, 3072, 768},  {32, 3072, 1024},
                             {1, 32000, 1024},  {1, 1024, 1024}};

std::string name_of(const Shape& s) {
  return std::to_string(s.rows) + "x" + std::to_string(s.columns) + "x" + std::to_string(s.depth);
}

void report(State& state, const Shape& s, double bytes_per_weight) {
  const double flops = 2.0 * static_cast<double>(s.rows * s.columns * s.depth);
  state.counters["gflops"] =
      benchmark::Counter(flops * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
  const double bytes = static_cast<double>(s.columns * s.depth) * bytes_per_weight;
  state.counters["gbytes"] =
      benchmark::Counter(bytes * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
}

// A checkpoint of one matrix.
class Matrix {
 public:
  explicit Matrix(const Shape& s) {
    const std::string data(s.columns * s.depth * 2, '\x3c');  // bfloat16 0.0115
    const std::vector<int64_t> shape = {static_cast<int64_t>(s.columns),
                                        static_cast<int64_t>(s.depth)};
    base::write_file(folder_.path() / "config.json", "{}");
    base::write_file(folder_.path() / "model.safetensors",
                     base::safetensors_header({{"w", "BF16", shape, 0, data.size()}}, {}) + data);
    names_.name("w", "w");
    checkpoint_.emplace(folder_.path());
    std::vector<model::WeightDeclaration> declared;
    declared.emplace_back(model::WeightId{-1, "w"}, shape);
    weights_.emplace(*checkpoint_, declared, names_);
  }
  const model::WeightView& view() const { return weights_->at({-1, "w"}); }

 private:
  base::TemporaryFolder folder_;
  model::NameTable names_;
  std::optional<model::Checkpoint> checkpoint_;
  std::optional<model::Weights> weights_;
};

void product(State& state, const Shape& s, DType precision, const base::Threads& threads) {
  const Matrix matrix(s);
  const candidates::cpu::Weight weight(matrix.view(), candidates::cpu::WeightForm::kMatrix,
                                       precision, threads);
  std::vector<float> x(s.rows * s.depth, 0.5f);
  std::vector<float> y(s.rows * s.columns);
  candidates::cpu::Scratch scratch;
  scratch.reserve({.per_worker = candidates::cpu::product_scratch(weight)}, s.rows, 0,
                  static_cast<size_t>(threads.count()));
  const Product product{.weight = &weight,
                        .columns = s.columns,
                        .x = x.data(),
                        .rows = s.rows,
                        .y = y.data(),
                        .y_stride = s.columns};
  for (auto _ : state) candidates::cpu::multiply({&product, 1}, threads, scratch);
  report(state, s,
         static_cast<double>(base::size_of(weight.is_bf16() ? DType::kBF16 : DType::kF32)));
}

// The same by OpenBLAS, a thread a share of the columns: the roof.
void sgemm(State& state, const Shape& s, const base::Threads& threads) {
  const std::vector<float> x(s.rows * s.depth, 0.5f);
  const std::vector<float> w(s.columns * s.depth, 0.5f);
  std::vector<float> y(s.rows * s.columns);
  const size_t tile = s.columns / static_cast<size_t>(threads.count());
  const auto k = static_cast<blasint>(s.depth);
  for (auto _ : state) {
    threads.for_ranges(s.columns, tile, [&](size_t begin, size_t end) {
      cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, static_cast<blasint>(s.rows),
                  static_cast<blasint>(end - begin), k, 1.0f, x.data(), k, &w[begin * s.depth], k,
                  0.0f, &y[begin], static_cast<blasint>(s.columns));
    });
  }
  report(state, s, sizeof(float));
}

}  // namespace

void register_products(const base::Threads& threads) {
  const auto add = [](const std::string& name, auto body) {
    benchmark::RegisterBenchmark(name.c_str(), body)->UseRealTime()->Unit(benchmark::kMillisecond);
  };
  for (const Shape& s : kShapes) {
    add("product/f32/" + name_of(s),
        [&](State& state) { product(state, s, DType::kF32, threads); });
    add("product/bf16/" + name_of(s),
        [&](State& state) { product(state, s, DType::kBF16, threads); });
    add("product/sgemm/" + name_of(s), [&](State& state) { sgemm(state, s, threads); });
  }
}

}  // namespace plumb::bench
