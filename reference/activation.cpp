#include "reference/activation.h"

#include <cmath>
#include <numbers>

#include "base/errors.h"

namespace plumb::reference {

double activate(model::Activation activation, double x) {
  using model::Activation;
  switch (activation) {
    case Activation::kSilu:
      return x / (1.0 + std::exp(-x));
    case Activation::kGelu:
      return 0.5 * x * (1.0 + std::erf(x / std::numbers::sqrt2));
    case Activation::kGeluTanh: {
      const double inner = std::sqrt(2.0 / std::numbers::pi) * (x + 0.044715 * x * x * x);
      return 0.5 * x * (1.0 + std::tanh(inner));
    }
    case Activation::kRelu:
      return x > 0.0 ? x : 0.0 * x;  // a NaN stays one
    case Activation::kRelu2:
      return x > 0.0 ? x * x : 0.0 * x;
  }
  throw base::InternalError("every activation has its formula");
}

bool is_transcendental(model::Activation activation) {
  return activation != model::Activation::kRelu && activation != model::Activation::kRelu2;
}

}  // namespace plumb::reference
