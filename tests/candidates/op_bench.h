// Runs one op of the engine on inputs of a test's choice.
//
// A graph is made in which every input of the op is the row of a table that the position looks up
// (token t is row t), so the op runs as it always does: planned, with its weights bound from a
// checkpoint, its state in a session, and in any split into calls.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/dtype.h"
#include "base/files.h"
#include "candidates/cpu/engine/forward.h"
#include "graph/graph.h"
#include "model/weights.h"

namespace plumb::candidates::testing {

// Row-major values with their shape; for inputs the first axis is the position.
struct Tensor {
  std::vector<int64_t> shape;
  std::vector<double> values;

  size_t rows() const { return static_cast<size_t>(shape[0]); }
  size_t width() const { return values.size() / rows(); }
  double at(size_t row, size_t column) const { return values[row * width() + column]; }
};

// Normal values that float32 (or, `coarse`, bfloat16) holds.
Tensor random_tensor(std::vector<int64_t> shape, uint64_t seed, double scale = 1.0,
                     bool coarse = false);

// Every element of `actual` within `roundings` float32 roundings of f(row, column).
void expect_rounded(const Tensor& actual, double roundings,
                    const std::function<double(size_t, size_t)>& f);

struct OpCase {
  graph::OpKind kind;
  std::vector<Tensor> inputs;
  std::vector<Tensor> weights;
  std::vector<int> out_width;  // of each output
  base::DType precision = base::DType::kF32;
  base::DType stored = base::DType::kF32;  // the weights' dtype in the checkpoint
  int threads = 1;
  std::vector<size_t> calls;  // rows of each call; empty: all in one
  int64_t first_position = 0;
  cpu::Kernel kernel = cpu::Kernel::kFastest;
};

// Every output of the op, the rows of all calls one after the other.
struct OpResult {
  std::vector<Tensor> out;
  std::string explained;
};
OpResult run_op(const OpCase& test);

// Tensors as a checkpoint folder whose weights have the roles and layers given, and bound views of
// them.
class WeightFolder {
 public:
  struct Entry {
    std::string role;
    Tensor tensor;
    base::DType dtype;
    int layer = -1;
  };
  explicit WeightFolder(const std::vector<Entry>& entries);

  const std::vector<model::WeightDeclaration>& declared() const { return declared_; }
  const model::Weights& weights() const { return *weights_; }

 private:
  base::TemporaryFolder folder_;
  std::vector<model::WeightDeclaration> declared_;
  std::unique_ptr<model::Checkpoint> checkpoint_;
  std::unique_ptr<model::Weights> weights_;
};

}  // namespace plumb::candidates::testing
