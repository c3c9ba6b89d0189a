// Activation functions, in the operations that engines make of them: in low precision the order of
// operations shows (1 + erf cancels for negative x).
// Source: transformers 5.23, activations.py, ACT2FN; torch.nn.functional.silu, gelu.
#pragma once

#include <cmath>
#include <numbers>

#include "base/errors.h"
#include "model/spec.h"

namespace plumb::reference {

// torch's softplus is x itself above 20.
inline double softplus(double x) {
  return x > 20.0 ? x : std::log1p(std::exp(x));
}

// sqrt(2 / pi), to as many digits as the form has it.
inline double tanh_factor(model::Activation activation) {
  if (activation == model::Activation::kGeluFast) return 0.7978845608;
  return activation == model::Activation::kGeluBloom ? 0.79788456
                                                     : std::sqrt(2.0 / std::numbers::pi);
}

template <class A>
double activate(const A& a, model::Activation activation, double x, size_t element) {
  using model::Activation;
  constexpr double kErfRoundings = 5.0;
  const auto rounded = [&](double v) { return a.compute(v, element); };
  const auto one_plus_exp = [&](double v) {
    return rounded(1.0 + rounded(a.function(std::exp(-v), element)));
  };
  switch (activation) {
    case Activation::kSilu:
      return x / one_plus_exp(x);
    case Activation::kSigmoid:
      return 1.0 / one_plus_exp(x);
    case Activation::kGelu: {
      // Vectorised erf is a polynomial with an absolute error up to 1.5e-7 (Abramowitz & Stegun
      // 7.1.26; PyTorch's, measured: 1.3e-7 RMS for |x| > 2), which is 5 roundings of 1.
      const double erf =
          rounded(a.absolute(std::erf(rounded(x / std::numbers::sqrt2)), kErfRoundings, element));
      return rounded(0.5 * x) * rounded(1.0 + erf);
    }
    case Activation::kQuickGelu:
      return x / one_plus_exp(rounded(1.702 * x));
    case Activation::kGeluTanh:
    case Activation::kGeluFast:
    case Activation::kGeluBloom: {
      const double cube = rounded(x * rounded(x * x));
      const double sum = rounded(x + rounded(0.044715 * cube));
      const double inner = rounded(tanh_factor(activation) * sum);
      const double tanh = rounded(a.function(std::tanh(inner), element));
      return rounded(0.5 * x) * rounded(1.0 + tanh);
    }
    case Activation::kRelu:
      return x > 0.0 ? x : 0.0 * x;  // a NaN stays one
    case Activation::kRelu2:
      return x > 0.0 ? x * x : 0.0 * x;
    case Activation::kSoftplus:
      return rounded(a.function(softplus(x), element));
    case Activation::kIdentity:
      return x;
    case Activation::kXielu:
    case Activation::kClampedGlu:
      break;  // these take more than x: activate.cpp, experts.cpp
  }
  throw base::InternalError("an activation of one number");
}

}  // namespace plumb::reference
