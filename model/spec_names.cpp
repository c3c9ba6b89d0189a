#include "model/spec_names.h"

namespace plumb::model {
namespace {

// Names in the order of the enumerators.
using Names = std::string_view[];

constexpr Names kNormRoundings = {"before_weight", "after_weight"};
constexpr Names kRopeScalings = {"default", "linear",   "dynamic",     "llama3",
                                 "yarn",    "longrope", "proportional"};
constexpr Names kRopePairs = {"halves", "interleaved", "interleaved_to_halves"};
constexpr Names kRopeRoundings = {"every_step", "table_only", "output"};
constexpr Names kActivations = {"silu",        "gelu",     "gelu_tanh", "gelu_fast", "gelu_bloom",
                                "quick_gelu",  "relu",     "relu2",     "sigmoid",   "xielu",
                                "clamped_glu", "softplus", "identity"};
constexpr Names kGrowths = {"log_of_turns", "power"};
constexpr Names kScores = {"softmax", "softmax_of_chosen", "sigmoid"};

template <class Enum>
std::string_view name_of(Enum value) {
  return names_of(value)[static_cast<size_t>(value)];
}

}  // namespace

std::span<const std::string_view> names_of(NormRounding) {
  return kNormRoundings;
}
std::span<const std::string_view> names_of(RopeScaling::Kind) {
  return kRopeScalings;
}
std::span<const std::string_view> names_of(RopePairs) {
  return kRopePairs;
}
std::span<const std::string_view> names_of(RopeRounding) {
  return kRopeRoundings;
}
std::span<const std::string_view> names_of(Activation) {
  return kActivations;
}
std::span<const std::string_view> names_of(QueryTemperature::Growth) {
  return kGrowths;
}
std::span<const std::string_view> names_of(RouterSpec::Scores) {
  return kScores;
}

std::string_view to_text(NormRounding rounding) {
  return name_of(rounding);
}
std::string_view to_text(RopeScaling::Kind kind) {
  return name_of(kind);
}
std::string_view to_text(RopePairs pairs) {
  return name_of(pairs);
}
std::string_view to_text(RopeRounding rounding) {
  return name_of(rounding);
}
std::string_view to_text(Activation activation) {
  return name_of(activation);
}
std::string_view to_text(QueryTemperature::Growth growth) {
  return name_of(growth);
}
std::string_view to_text(RouterSpec::Scores scores) {
  return name_of(scores);
}

}  // namespace plumb::model
