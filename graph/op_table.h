// One row per op kind: what it computes, where that is stated, what it reads, and the mistakes that
// people really make with it. Attributes and sub-steps are in ops.h.
#pragma once

#include <span>
#include <string_view>

namespace plumb::graph {

struct OpRow {
  std::string_view name;
  std::string_view formula;
  std::string_view source;   // paper, or file and function in transformers 5.23
  std::string_view inputs;   // values, with their axes
  std::string_view weights;  // in the order of Op::weights; optional ones in brackets
  std::span<const std::string_view> mistakes;
};

// In the order of OpKind.
std::span<const OpRow> op_table();

const OpRow& op_row(std::string_view name);

}  // namespace plumb::graph
