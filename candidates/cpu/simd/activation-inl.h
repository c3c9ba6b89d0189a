// The activation functions in Highway vectors: float64 lanes, for ops to round once.
#include "base/errors.h"
#include "hwy/highway.h"
#include "model/spec.h"

#if defined(PLUMB_CANDIDATES_CPU_ACTIVATION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PLUMB_CANDIDATES_CPU_ACTIVATION_INL_H_
#undef PLUMB_CANDIDATES_CPU_ACTIVATION_INL_H_
#else
#define PLUMB_CANDIDATES_CPU_ACTIVATION_INL_H_
#endif

#include "candidates/cpu/simd/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::candidates::cpu::HWY_NAMESPACE {

struct Silu {
  HWY_INLINE hn::Vec<D> operator()(hn::Vec<D> x) const {
    const D d;
    return hn::Div(x, hn::Add(hn::Set(d, 1.0), exp64(hn::Neg(x))));
  }
};

struct Sigmoid {
  HWY_INLINE hn::Vec<D> operator()(hn::Vec<D> x) const {
    const auto one = hn::Set(D(), 1.0);
    return hn::Div(one, hn::Add(one, exp64(hn::Neg(x))));
  }
};

struct Gelu {
  HWY_INLINE hn::Vec<D> operator()(hn::Vec<D> x) const {
    const D d;
    const auto tail = upper_tail(hn::Abs(x));
    const auto below = hn::Lt(x, hn::Zero(d));
    return hn::Mul(x, hn::IfThenElse(below, tail, hn::Sub(hn::Set(d, 1.0), tail)));
  }
};

// x (1 + tanh u) / 2 = x / (1 + exp(-2u)), u = factor (x + 0.044715 x^3), factor = sqrt(2 / pi) to
// as many digits as the form has it
struct GeluTanh {
  double factor = 0.7978845608028654;

  HWY_INLINE hn::Vec<D> operator()(hn::Vec<D> x) const {
    const D d;
    const auto cubic = hn::MulAdd(hn::Mul(x, x), hn::Set(d, 0.044715), hn::Set(d, 1.0));
    const auto minus_2u = hn::Mul(hn::Mul(x, cubic), hn::Set(d, -2.0 * factor));
    return hn::Div(x, hn::Add(hn::Set(d, 1.0), exp64(minus_2u)));
  }
};

struct QuickGelu {
  HWY_INLINE hn::Vec<D> operator()(hn::Vec<D> x) const {
    const D d;
    const auto one_plus = hn::Add(hn::Set(d, 1.0), exp64(hn::Mul(x, hn::Set(d, -1.702))));
    return hn::Div(x, one_plus);
  }
};

struct Relu {
  HWY_INLINE hn::Vec<D> operator()(hn::Vec<D> x) const {
    const D d;
    return hn::IfThenElse(hn::Lt(x, hn::Zero(d)), hn::Zero(d), x);
  }
};

struct Relu2 {
  HWY_INLINE hn::Vec<D> operator()(hn::Vec<D> x) const {
    const auto y = Relu()(x);
    return hn::Mul(y, y);
  }
};

// ln(1 + exp(x)) = max(x, 0) + ln(1 + u), u = exp(-|x|): 2 artanh(u / (2 + u)), a series in squares
// of at most a third, whose first term left out gives 2^-40.
struct Softplus {
  HWY_INLINE hn::Vec<D> operator()(hn::Vec<D> x) const {
    static constexpr double kArtanh[] = {1.0,      1.0 / 3,  1.0 / 5,  1.0 / 7,
                                         1.0 / 9,  1.0 / 11, 1.0 / 13, 1.0 / 15,
                                         1.0 / 17, 1.0 / 19, 1.0 / 21, 1.0 / 23};
    const D d;
    const auto u = exp64(hn::Neg(hn::Abs(x)));
    const auto s = hn::Div(u, hn::Add(u, hn::Set(d, 2.0)));
    const auto log = hn::Mul(hn::Add(s, s), polynomial(hn::Mul(s, s), kArtanh));
    return hn::Add(Relu()(x), log);
  }
};

struct Identity {
  HWY_INLINE hn::Vec<D> operator()(hn::Vec<D> x) const { return x; }
};

// Calls body(function) with the function of an activation of one number.
template <class Body>
HWY_INLINE void with_activation(model::Activation activation, const Body& body) {
  using model::Activation;
  switch (activation) {
    case Activation::kSilu:
      return body(Silu());
    case Activation::kGelu:
      return body(Gelu());
    case Activation::kGeluTanh:
      return body(GeluTanh());
    case Activation::kGeluFast:
      return body(GeluTanh{0.7978845608});
    case Activation::kGeluBloom:
      return body(GeluTanh{0.79788456});
    case Activation::kQuickGelu:
      return body(QuickGelu());
    case Activation::kRelu:
      return body(Relu());
    case Activation::kRelu2:
      return body(Relu2());
    case Activation::kSigmoid:
      return body(Sigmoid());
    case Activation::kSoftplus:
      return body(Softplus());
    case Activation::kIdentity:
      return body(Identity());
    case Activation::kXielu:
    case Activation::kClampedGlu:
      break;  // these take more than x: activate.cpp, gated_activation.cpp
  }
  throw base::InternalError("an activation of one number");
}

}  // namespace plumb::candidates::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
