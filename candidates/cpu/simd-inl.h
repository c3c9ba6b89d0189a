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

// y[i] = f(in[i]...), i < n, in vectors of `Tag`; y may be one of the inputs. What is left over
// goes through a padded buffer, so that every element sees the same operations.
template <class Tag, class Function, class... In>
HWY_INLINE void map(Tag d, size_t n, float* y, const Function& f, const In*... in) {
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(f(hn::LoadU(d, in + i)...), d, y + i);
  if (i == n) return;
  float buffer[hn::MaxLanes(d)] = {};
  const auto padded = [&](const float* from) HWY_ATTR {
    for (size_t k = i; k < n; ++k) buffer[k - i] = from[k];
    return hn::LoadU(d, buffer);
  };
  const auto last = f(padded(in + 0)...);
  hn::StoreU(last, d, buffer);
  for (size_t k = i; k < n; ++k) y[k] = buffer[k - i];
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
