#include "model/spec.h"

namespace plumb::model {

std::string_view to_text(NormRounding rounding) {
  switch (rounding) {
    case NormRounding::kBeforeWeight:
      return "before_weight";
    case NormRounding::kAfterWeight:
      return "after_weight";
  }
  return "?";
}

std::string_view to_text(RopeScaling::Kind kind) {
  switch (kind) {
    case RopeScaling::Kind::kDefault:
      return "default";
    case RopeScaling::Kind::kLinear:
      return "linear";
    case RopeScaling::Kind::kDynamic:
      return "dynamic";
    case RopeScaling::Kind::kLlama3:
      return "llama3";
  }
  return "?";
}

std::string_view to_text(Activation activation) {
  switch (activation) {
    case Activation::kSilu:
      return "silu";
    case Activation::kGelu:
      return "gelu";
    case Activation::kGeluTanh:
      return "gelu_tanh";
    case Activation::kRelu:
      return "relu";
    case Activation::kRelu2:
      return "relu2";
  }
  return "?";
}

}  // namespace plumb::model
