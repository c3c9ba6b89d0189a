// The precision contracts that are known by name: of a precision, or of an engine (ENGINE or
// ENGINE-SETTING) whose roundings were measured. docs/judgement.md, "Contracts".
#include <vector>

#include "graph/contract.h"

namespace plumb::graph {
namespace {

using base::DType;
using base::Precision;
using Exceptions = std::vector<ContractException>;

constexpr size_t kTiledQueries = 64;  // llama.cpp: its flash attention on a CPU works in tiles

Exceptions operator+(Exceptions a, const Exceptions& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

ContractException round(std::string op, std::string step, Precision to,
                        std::vector<AttributeIs> where = {}) {
  return {.op = std::move(op), .step = std::move(step), .to = to, .where = std::move(where)};
}

Exceptions round_attention(std::initializer_list<const char*> steps, Precision to) {
  Exceptions exceptions;
  for (const char* step : steps) exceptions.push_back(round("attention", step, to));
  return exceptions;
}

Exceptions round_products(std::initializer_list<const char*> steps, Precision to) {
  Exceptions exceptions;
  for (const char* op : {"linear", "experts"}) {
    for (const char* step : steps) exceptions.push_back(round(op, step, to));
  }
  return exceptions;
}

// The activation is looked up in a table of float16.
Exceptions gelu_table() {
  const std::vector<AttributeIs> where = {{"activation", "gelu_tanh"}};
  Exceptions exceptions = {round("gated_activation", "activated", Precision::kF16, where),
                           round("activation", "output", Precision::kF16, where)};
  for (ContractException& exception : exceptions) exception.from_table = true;
  return exceptions;
}

Exceptions operands(ByWeight by_weight) {
  return {{.op = "linear", .step = "input", .by_weight = by_weight},
          {.op = "experts", .step = "input", .by_weight = by_weight}};
}

Exceptions unrounded_weights() {
  return {{.op = "linear", .step = "weight"}, {.op = "experts", .step = "weight"}};
}

// llama.cpp: a product's operand takes the type of a 16-bit weight, and of one in blocks the blocks
// that its kernels multiply with it, as they lie.
Exceptions llama_cpp_products() {
  return operands(ByWeight::kGgml) + unrounded_weights() + gelu_table();
}

// Short calls: the queries are rounded, and values are summed in float16, key after key. Longer
// ones go in tiles, whose queries and sums stay in float32.
Exceptions llama_cpp_flash() {
  ContractException query = round("attention", "query", Precision::kF16);
  ContractException sum = round("attention", "output_sum", Precision::kF16);
  sum.in_order = true;
  query.below_queries = sum.below_queries = kTiledQueries;
  return Exceptions{query, sum} + round_attention({"key", "value"}, Precision::kF16);
}

std::vector<Contract> make_contracts() {
  const auto in = [](std::string name, std::string meaning, DType storage,
                     Exceptions exceptions = {}) {
    const DType inside = storage == DType::kF64 ? DType::kF64 : DType::kF32;
    return Contract{std::move(name), std::move(meaning),   storage, inside,
                    inside,          std::move(exceptions)};
  };
  const std::vector<AttributeIs> offset = {{"unit_offset", "true"}};
  const std::vector<AttributeIs> trained_rounded = {{"factor_rounded", "true"}};
  return {
      in("float64", "every operation in float64", DType::kF64),
      in("float32", "every operation in float32", DType::kF32),
      in("bfloat16",
         "transformers' eager modules in bfloat16: results stored in bfloat16, norms, softmax and "
         "sums in float32",
         DType::kBF16),
      in("float16", "transformers' eager modules in float16", DType::kF16),
      in("float32-f16-kv", "float32, keys and values rounded to float16 (a float16 cache)",
         DType::kF32, round_attention({"key", "value"}, Precision::kF16)),
      in("float32-f16-qkv", "float32, queries, keys and values of attention rounded to float16",
         DType::kF32, round_attention({"query", "key", "value"}, Precision::kF16)),
      in("float32-f16-attention",
         "float32, queries, keys, values and probabilities of attention rounded to float16",
         DType::kF32, round_attention({"query", "key", "value", "probabilities"}, Precision::kF16)),
      in("float32-bf16-state", "float32, the recurrent state rounded to bfloat16", DType::kF32,
         {round("gated_delta_rule", "state", Precision::kBF16)}),
      in(std::string(kShortProducts),
         "float32 activations, rounded to bfloat16 where they meet a bfloat16 weight", DType::kF32,
         round_products({"input", "weight"}, Precision::kBF16) +
             Exceptions{round("embedding", "weight", Precision::kBF16)}),
      in("float32-bf16-norm-offset", "float32, 1 + the norms' weights rounded to bfloat16",
         DType::kF32,
         {round("rms_norm", "weight", Precision::kBF16, offset),
          round("layer_norm", "weight", Precision::kBF16, offset)}),
      in("float32-f16-norm-offset", "float32, 1 + the norms' weights rounded to float16",
         DType::kF32,
         {round("rms_norm", "weight", Precision::kF16, offset),
          round("layer_norm", "weight", Precision::kF16, offset)}),
      in("float32-bf16-embed-scale", "float32, the embedding's scale rounded to bfloat16",
         DType::kF32, {round("scale", "factor", Precision::kBF16, trained_rounded)}),
      in("float32-f16-embed-scale", "float32, the embedding's scale rounded to float16",
         DType::kF32, {round("scale", "factor", Precision::kF16, trained_rounded)}),
      in("float32-tf32",
         "float32, the operands of all products in TF32 (which holds weights of 16 bits exactly)",
         DType::kF32,
         round_products({"input"}, Precision::kTF32) +
             round_attention({"query", "key", "value", "probabilities"}, Precision::kTF32)),
      in("float32-fp8-kv", "float32, keys and values in float8_e4m3fn", DType::kF32,
         round_attention({"key", "value"}, Precision::kE4M3)),
      in("float32-fp8-e5m2-kv", "float32, keys and values in float8_e5m2", DType::kF32,
         round_attention({"key", "value"}, Precision::kE5M2)),
      in("llama.cpp",
         "llama.cpp's defaults on a CPU: operands in the type of 16-bit weights and in the blocks "
         "that go with quantised ones, keys and values in float16, "
         "flash attention (sums in float16 below 64 queries), GELU from a float16 table",
         DType::kF32, llama_cpp_products() + llama_cpp_flash()),
      in("llama.cpp-fa-off", "llama.cpp without flash attention: that runs in float16 throughout",
         DType::kF32,
         llama_cpp_products() +
             round_attention({"query", "key", "value", "probabilities"}, Precision::kF16)),
      in("llama.cpp-f32-kv",
         "llama.cpp with a float32 cache and without flash attention: operands in the type of "
         "16-bit weights and in the blocks that go with quantised ones, GELU from a float16 table",
         DType::kF32, llama_cpp_products()),
      in("compressed-tensors",
         "compressed-tensors' modules in bfloat16: operands rounded to the codes that the "
         "checkpoint declares, scales and values in bfloat16",
         DType::kBF16, operands(ByWeight::kDeclared)),
      in("compressed-tensors-f32",
         "compressed-tensors' modules in float32: operands rounded to the codes that the "
         "checkpoint declares",
         DType::kF32, operands(ByWeight::kDeclared)),
      in("vllm-quantized",
         "bfloat16, operands of quantised weights rounded by vLLM's kernels to the codes that the "
         "checkpoint declares (int8 and float8_e4m3fn a row, a group or by the file's scale, "
         "NVFP4); weights multiplied as they lie",
         DType::kBF16, operands(ByWeight::kServed) + unrounded_weights()),
      in("float32-bf16-weights", "float32, weights rounded to bfloat16 after decoding", DType::kF32,
         round_products({"weight"}, Precision::kBF16)),
      in("float32-f16-weights", "float32, weights rounded to float16 after decoding", DType::kF32,
         round_products({"weight"}, Precision::kF16)),
      in("mistralrs", "mistralrs: queries, keys, values and the output of attention in float16",
         DType::kF32, round_attention({"query", "key", "value", "output"}, Precision::kF16)),
      in("vllm-fp8-kv", "bfloat16, keys and values in float8_e4m3fn without a scale", DType::kBF16,
         round_attention({"key", "value"}, Precision::kE4M3)),
      in("vllm-fp8-e5m2-kv", "bfloat16, keys and values in float8_e5m2", DType::kBF16,
         round_attention({"key", "value"}, Precision::kE5M2)),
  };
}

}  // namespace

std::span<const Contract> contracts() {
  static const std::vector<Contract> rows = make_contracts();
  return rows;
}

}  // namespace plumb::graph
