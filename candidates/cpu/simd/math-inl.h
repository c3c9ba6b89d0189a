// exp, tanh and their like in Highway vectors.
//
// Storage float32; computed in float64 lanes with polynomials good to 2^-39, for ops to round once:
// an error of half an ulp, as the tests measure. exp32 alone computes in float32, where a softmax
// over many keys costs more than its products. A NaN stays a NaN. Arguments beyond the range of a
// float32 result are clamped.
#include "hwy/highway.h"

#if defined(PLUMB_CANDIDATES_CPU_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PLUMB_CANDIDATES_CPU_MATH_INL_H_
#undef PLUMB_CANDIDATES_CPU_MATH_INL_H_
#else
#define PLUMB_CANDIDATES_CPU_MATH_INL_H_
#endif

#include "candidates/cpu/simd/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::candidates::cpu::HWY_NAMESPACE {

// c[0] + c[1] x + ... by Horner's rule.
template <class V, size_t N, class T>
HWY_INLINE V polynomial(V x, const T (&c)[N]) {
  const hn::DFromV<V> d;
  V sum = hn::Set(d, c[N - 1]);
  for (size_t i = N - 1; i-- > 0;) sum = hn::MulAdd(sum, x, hn::Set(d, c[i]));
  return sum;
}

// exp(x) = scale + scale * tail: scale a power of two, tail = exp(r) - 1 with |r| <= ln(2) / 2.
struct ExpParts {
  hn::Vec<D> scale;
  hn::Vec<D> tail;
};

HWY_INLINE ExpParts exp_parts(hn::Vec<D> x) {
  const D d;
  const hn::Rebind<uint64_t, D> du;
  // Taylor's coefficients 1/1!, 1/2!, ...: the first left out gives 2^-42.
  static constexpr double kTaylor[] = {1.0,          1.0 / 2,      1.0 / 6,    1.0 / 24,
                                       1.0 / 120,    1.0 / 720,    1.0 / 5040, 1.0 / 40320,
                                       1.0 / 362880, 1.0 / 3628800};
  // Adding 3 * 2^51 rounds to an integer and leaves it in the low bits.
  const auto shifter = hn::Set(d, 0x1.8p52);
  x = hn::IfThenElse(hn::IsNaN(x), x, hn::Clamp(x, hn::Set(d, -708.0), hn::Set(d, 709.0)));
  const auto shifted = hn::MulAdd(x, hn::Set(d, 0x1.71547652b82fep0), shifter);
  const auto k = hn::Sub(shifted, shifter);
  auto r = hn::NegMulAdd(k, hn::Set(d, 0x1.62e42fefap-1), x);  // ln 2, the upper 36 bits
  r = hn::NegMulAdd(k, hn::Set(d, 0x1.cf79abc9e3b3ap-40), r);  // and the rest
  const auto exponent = hn::Add(hn::BitCast(du, shifted), hn::Set(du, uint64_t{1023}));
  return {hn::BitCast(d, hn::ShiftLeft<52>(exponent)), hn::Mul(r, polynomial(r, kTaylor))};
}

// exp(x) for x in [-708, 709]; clamped outside.
HWY_INLINE hn::Vec<D> exp64(hn::Vec<D> x) {
  const ExpParts e = exp_parts(x);
  return hn::MulAdd(e.scale, e.tail, e.scale);
}

// exp(x) within an ulp of float32, x in [-87, 88]; clamped outside.
HWY_INLINE hn::Vec<F> exp32(hn::Vec<F> x) {
  const F d;
  const hn::Rebind<uint32_t, F> du;
  // Taylor's coefficients: the first left out gives 2^-27.
  static constexpr float kTaylor[] = {1.0f,       1.0f / 2,   1.0f / 6,   1.0f / 24,
                                      1.0f / 120, 1.0f / 720, 1.0f / 5040};
  // As in exp_parts, with 24 bits.
  const auto shifter = hn::Set(d, 0x1.8p23f);
  x = hn::IfThenElse(hn::IsNaN(x), x, hn::Clamp(x, hn::Set(d, -87.0f), hn::Set(d, 88.0f)));
  const auto shifted = hn::MulAdd(x, hn::Set(d, 0x1.715476p0f), shifter);
  const auto k = hn::Sub(shifted, shifter);
  auto r = hn::NegMulAdd(k, hn::Set(d, 0x1.62e4p-1f), x);  // ln 2, the upper 17 bits
  r = hn::NegMulAdd(k, hn::Set(d, 0x1.7f7d1cp-20f), r);    // and the rest
  const auto exponent = hn::Add(hn::BitCast(du, shifted), hn::Set(du, uint32_t{127}));
  const auto scale = hn::BitCast(d, hn::ShiftLeft<23>(exponent));
  return hn::MulAdd(scale, hn::Mul(r, polynomial(r, kTaylor)), scale);
}

// exp(x) - 1 without cancellation, x in [-708, 709].
HWY_INLINE hn::Vec<D> expm1_64(hn::Vec<D> x) {
  const ExpParts e = exp_parts(x);
  return hn::MulAdd(e.scale, e.tail, hn::Sub(e.scale, hn::Set(D(), 1.0)));
}

// (exp(2x) - 1) / (exp(2x) + 1)
HWY_INLINE hn::Vec<D> tanh64(hn::Vec<D> x) {
  const D d;
  const auto limit = hn::Set(d, 40.0);  // tanh is 1 to the last bit well before
  const auto doubled = hn::Add(x, x);
  const auto minus_one =
      expm1_64(hn::IfThenElse(hn::IsNaN(x), x, hn::Clamp(doubled, hn::Neg(limit), limit)));
  return hn::Div(minus_one, hn::Add(minus_one, hn::Set(d, 2.0)));
}

// The normal distribution's upper tail Q(a) = erfc(a / sqrt 2) / 2, a >= 0, over exp(-a^2 / 2):
// a polynomial in t = 1 / (1 + a/5), interpolated at 14 Chebyshev nodes for a in [0, 15]; relative
// error 1.2e-12. Beyond, Q is below the least float32 and the polynomial stays bounded.
HWY_INLINE hn::Vec<D> upper_tail(hn::Vec<D> a) {
  static constexpr double kMills[] = {
      0.0797889784431749,  0.07977264159081136,  0.07681572904501807, 0.06838091567227884,
      0.07139938874867058, 0.007831160828161461, 0.16229160111190444, -0.25035685627124804,
      0.46976546429777244, -0.5427323935986625,  0.4728461035175983,  -0.2687204815016027,
      0.08383905298934113, -0.010921304873665497};
  const D d;
  const auto one = hn::Set(d, 1.0);
  const auto t = hn::Div(one, hn::MulAdd(a, hn::Set(d, 0.2), one));
  const auto gauss = exp64(hn::Mul(hn::Mul(a, a), hn::Set(d, -0.5)));
  return hn::Mul(gauss, hn::Mul(t, polynomial(t, kMills)));
}

// cap tanh(x / cap)
struct Capped {
  double cap;

  HWY_INLINE hn::Vec<D> operator()(hn::Vec<D> x) const {
    const auto c = hn::Set(D(), cap);
    return hn::Mul(c, tanh64(hn::Div(x, c)));
  }
};

}  // namespace plumb::candidates::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
