// Products with weight matrices, y = x W^T (+ b), and how they are shared out.
//
// Several rows: tiles of a gemm of our own (gemm.h). A row or a few, or a narrow W: dot products in
// Highway straight over the float32 or bfloat16 weights, which reads each once, as fast as the
// memory gives them. Accumulation in float32. Tiles depend on the shapes alone, so that results are
// the same bits at any number of threads.
#pragma once

#include <cstddef>
#include <span>

#include "base/parallel.h"
#include "candidates/cpu/products/weight.h"
#include "candidates/cpu/simd/scratch.h"
#include "candidates/cpu/simd/values.h"

namespace plumb::candidates::cpu {

// y[t, j] = sum_k x[t, k] W[first + j, k] + bias[j], t < rows, j < columns; x is [rows,
// W.columns()], the rows of y are y_stride floats apart.
struct Product {
  const Weight* weight = nullptr;
  size_t first = 0;
  size_t columns = 0;
  const float* bias = nullptr;  // null: none
  const float* x = nullptr;
  size_t rows = 0;
  float* y = nullptr;
  size_t y_stride = 0;
};

// A part of a product's result.
struct Tile {
  size_t row;
  size_t rows;
  size_t column;
  size_t columns;
};

// Runs all of them as one job. Needs product_scratch() floats of each worker.
void multiply(std::span<const Product> products, const base::Threads& threads, Scratch& scratch);

// The kernel that multiply() uses for it.
Ran ran_by(const Product& product);

// Floats that a worker needs for products with `weight`.
size_t product_scratch(const Weight& weight);

}  // namespace plumb::candidates::cpu
