// Loops over rows in Highway vectors. Included once for each target: no include guard but
// Highway's.
#include <cstdint>

#include "hwy/highway.h"

#if defined(PLUMB_CANDIDATES_CPU_SIMD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PLUMB_CANDIDATES_CPU_SIMD_INL_H_
#undef PLUMB_CANDIDATES_CPU_SIMD_INL_H_
#else
#define PLUMB_CANDIDATES_CPU_SIMD_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace plumb::candidates::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Vectors of float32, and of as many float32 as there are float64 in a vector: the latter are
// widened, computed on and narrowed again where a result must be right to half an ulp.
using F = hn::ScalableTag<float>;
using D = hn::ScalableTag<double>;
using HalfF = hn::Rebind<float, D>;

// The target this was compiled for, for explain().
inline const char* target_name() {
  return hwy::TargetName(HWY_TARGET);
}

// x[i], i < n, in a vector whose other lanes are zero; all lanes where n is larger.
template <class Tag>
HWY_INLINE hn::Vec<Tag> load_some(Tag d, const float* x, size_t n) {
  if (n >= hn::Lanes(d)) return hn::LoadU(d, x);
  float buffer[hn::MaxLanes(d)] = {};
  for (size_t i = 0; i < n; ++i) buffer[i] = x[i];
  return hn::LoadU(d, buffer);
}

// y[i] = lane i, i < n.
template <class Tag>
HWY_INLINE void store_some(hn::Vec<Tag> v, Tag d, float* y, size_t n) {
  if (n >= hn::Lanes(d)) return hn::StoreU(v, d, y);
  float buffer[hn::MaxLanes(d)];
  hn::StoreU(v, d, buffer);
  for (size_t i = 0; i < n; ++i) y[i] = buffer[i];
}

// y[i] = f(in[i]...), i < n, in vectors of `Tag`, the last of them padded, so that every element
// sees the same operations; y may be one of the inputs.
template <class Tag, class Function, class... In>
HWY_INLINE void map(Tag d, size_t n, float* y, const Function& f, const In*... in) {
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(f(hn::LoadU(d, in + i)...), d, y + i);
  if (i < n) store_some(f(load_some(d, in + i, n - i)...), d, y + i, n - i);
}

// Narrows a function of float64 lanes to one of float32 lanes.
template <class Function>
struct Narrowed {
  const Function& f;

  template <class... V>
  HWY_INLINE hn::Vec<HalfF> operator()(V... x) const {
    return hn::DemoteTo(HalfF(), f(hn::PromoteTo(D(), x)...));
  }
};

// y[i] = f(in[i]...), computed in float64 lanes.
template <class Function, class... In>
HWY_INLINE void map64(size_t n, float* y, const Function& f, const In*... in) {
  map(HalfF(), n, y, Narrowed<Function>{f}, in...);
}

template <class Tag, class V = hn::Vec<Tag>>
HWY_INLINE float sum_of_lanes(Tag d, V v) {
  return hn::GetLane(hn::SumOfLanes(d, v));
}

// sum_i a[i] b[i] in float64; the order depends on n and the target alone.
HWY_INLINE double dot64(const float* a, const float* b, size_t n) {
  const size_t lanes = hn::Lanes(D());
  const auto load = [](const float* from)
                        HWY_ATTR { return hn::PromoteTo(D(), hn::LoadU(HalfF(), from)); };
  auto even = hn::Zero(D());
  auto odd = hn::Zero(D());
  size_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    even = hn::MulAdd(load(a + i), load(b + i), even);
    odd = hn::MulAdd(load(a + i + lanes), load(b + i + lanes), odd);
  }
  double sum = hn::GetLane(hn::SumOfLanes(D(), hn::Add(even, odd)));
  for (; i < n; ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

// sum_i f(x[i]) in float64; the order depends on n and the target alone.
template <class Function>
HWY_INLINE double sum64(size_t n, const Function& f, const float* x) {
  const size_t lanes = hn::Lanes(D());
  auto sum = hn::Zero(D());
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    sum = hn::Add(sum, f(hn::PromoteTo(D(), hn::LoadU(HalfF(), x + i))));
  }
  const auto rest = f(hn::PromoteTo(D(), load_some(HalfF(), x + i, n - i)));
  sum = hn::Add(sum, hn::IfThenElseZero(hn::FirstN(D(), n - i), rest));
  return hn::GetLane(hn::SumOfLanes(D(), sum));
}

// y[i] += factor x[i]
HWY_INLINE void add_scaled(float factor, const float* x, float* y, size_t n) {
  const F d;
  const auto f = hn::Set(d, factor);
  map(
      d, n, y, [&](auto v, auto sum) HWY_ATTR { return hn::MulAdd(f, v, sum); }, x, y);
}

}  // namespace plumb::candidates::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
