// The tensor types of ggml: how many elements a block holds in how many bytes, and its decoder.
//
// A decoder gives the exact value of every element in float64. Bytes that have no value (an E8M0
// scale of 255, a UE4M3 scale of 127 and above, an f16 scale that is NaN) give NaN.
// Source: ggml 0.25, ggml.h (ids), ggml-common.h (layouts), ggml-quants.c (values).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace plumb::base {

struct GgmlType {
  // Decodes `blocks` consecutive blocks at `raw` (unaligned) into blocks * elements values.
  using Decode = void (*)(const std::byte* raw, size_t blocks, double* out);

  uint32_t id;
  std::string_view name;  // as ggml writes it: "Q4_K"
  int elements;           // of a block
  int bytes;              // of a block
  Decode decode;          // null for types that hold no weights: activations, integers
};

std::span<const GgmlType> ggml_types();

// Null when there is no such type.
const GgmlType* find_ggml_type(uint32_t id);
const GgmlType* find_ggml_type(std::string_view name);

}  // namespace plumb::base
