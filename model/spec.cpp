#include "model/spec.h"

#include <array>
#include <cmath>

namespace plumb::model {
namespace {

// Names in the order of the enumerators.
template <class Enum, size_t N>
std::string_view name_of(Enum value, const std::array<std::string_view, N>& names) {
  return names[static_cast<size_t>(value)];
}

}  // namespace

double QueryTemperature::factor(double position) const {
  const double turns = (position + offset) / original_max_position_embeddings;
  return growth == Growth::kPower ? std::pow(1.0 + turns, beta)
                                  : 1.0 + beta * std::log(1.0 + std::floor(turns));
}

std::string_view to_text(NormRounding rounding) {
  return name_of(rounding, std::array<std::string_view, 2>{"before_weight", "after_weight"});
}

std::string_view to_text(RopeScaling::Kind kind) {
  return name_of(kind, std::array<std::string_view, 7>{"default", "linear", "dynamic", "llama3",
                                                       "yarn", "longrope", "proportional"});
}

std::string_view to_text(RopePairs pairs) {
  return name_of(pairs,
                 std::array<std::string_view, 3>{"halves", "interleaved", "interleaved_to_halves"});
}

std::string_view to_text(RopeRounding rounding) {
  return name_of(rounding, std::array<std::string_view, 3>{"every_step", "table_only", "output"});
}

std::string_view to_text(Activation activation) {
  return name_of(activation,
                 std::array<std::string_view, 13>{
                     "silu", "gelu", "gelu_tanh", "gelu_fast", "gelu_bloom", "quick_gelu", "relu",
                     "relu2", "sigmoid", "xielu", "clamped_glu", "softplus", "identity"});
}

std::string_view to_text(QueryTemperature::Growth growth) {
  return name_of(growth, std::array<std::string_view, 2>{"log_of_turns", "power"});
}

std::string_view to_text(RouterSpec::Scores scores) {
  return name_of(scores,
                 std::array<std::string_view, 3>{"softmax", "softmax_of_chosen", "sigmoid"});
}

}  // namespace plumb::model
