// What happens at a kernel's sub-steps: nothing (R_math), or what a precision contract mandates
// (R_contract).
//
// Kernels are templates on one of these two. A kernel computes every sub-step in float64 and calls
// round(), sum() or function() where a low-precision engine would lose something; under Exact the
// calls vanish. The theory is in docs/judgement.md: each sub-step on its already rounded inputs,
// accumulation noise where there is a sum, rounding to nearest, and nothing else.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <optional>
#include <span>

#include "base/dtype.h"
#include "base/function_ref.h"
#include "base/precision.h"
#include "base/random.h"
#include "graph/contract.h"

namespace plumb::reference {

// One round-to-nearest has an error of RMS kRoundingRms u |x| (mantissas distributed as 1/m).
inline constexpr double kRoundingRms = 0.4247;  // sqrt(1 / (8 ln 2))

struct Exact {
  static constexpr bool kEmulates = false;

  const Exact& stream(uint64_t) const { return *this; }
  bool rounds(int) const { return false; }
  bool adds_in_order(int) const { return false; }
  double argument(int, double value, size_t) const { return value; }
  void weight(int, std::span<double>, base::DType) const {}
  void round(int, std::span<double>, size_t) const {}
  double round(int, double value, size_t) const { return value; }
  double sum(int, double value, double, size_t, size_t) const { return value; }
  double compute(double value, size_t) const { return value; }
  void function(std::span<double>, size_t) const {}
  double function(double value, size_t) const { return value; }
  double relative(double value, double, size_t) const { return value; }
  double absolute(double value, double, size_t) const { return value; }
};

enum class RoundingMode : uint8_t {
  kNearest,  // what engines do
  // Stochastic: replicas that share no rounding decision. Only to the contract's coarsest type,
  // whose roundings outweigh all others.
  kDithered,
};

// `element` keys the noise: the index of the value among all that the op makes at that sub-step.
class Emulated {
 public:
  static constexpr bool kEmulates = true;

  Emulated(const graph::Contract& contract, const graph::OpKind& kind,
           const graph::Circumstances& circumstances, uint64_t key, RoundingMode mode);

  // The same contract with other noise, for the parts of an op that count their elements alike.
  Emulated stream(uint64_t part) const {
    Emulated other = *this;
    other.key_ = base::mix64(key_ + part);
    return other;
  }
  // False where the contract leaves sub-step `step` alone.
  bool rounds(int step) const { return steps_[static_cast<size_t>(step)].has_value(); }
  // How sub-step `step` rounds beside a weight that is stored so.
  graph::StepRule rule_for(int step, const model::Storage& storage) const;
  // Rounds operands at sub-step `step` by such a rule: rows of `columns` values, of which row t has
  // the noise of row noise_row(t).
  void operand(int step, const graph::StepRule& rule, std::span<double> values, size_t columns,
               base::FunctionRef<size_t(size_t)> noise_row) const;
  // Sums of sub-step `step` are to be added one term after the other, each sum rounded.
  bool adds_in_order(int step) const { return in_order_[static_cast<size_t>(step)]; }
  // The argument of a function whose results are sub-step `step`: rounded alike where they come
  // from a table.
  double argument(int step, double value, size_t element) const {
    return from_table_[static_cast<size_t>(step)] ? round(step, value, ~element) : value;
  }
  // Rounds sub-step `step` so, whatever the contract says.
  void set_rounding(int step, const graph::StepRule& rule);

  // Stores values at sub-step `step`.
  void round(int step, std::span<double> values, size_t element) const;
  double round(int step, double value, size_t element) const {
    const std::optional<base::Precision> to = steps_[static_cast<size_t>(step)];
    if (to == base::Precision::kF32 && !dithers(*to)) return to_float32(value);
    if (to) round(step, std::span(&value, 1), element);
    return value;
  }

  // Rounds elements of a weight as an engine does on loading it: to nearest in every emulation, and
  // not at all where what is `stored` has every value in the type of sub-step `step`.
  void weight(int step, std::span<double> values, base::DType stored) const;

  // The standard deviation of the noise of a sum S of n products p accumulated one after the other,
  // given S and sum p^2: c u sqrt(n S^2 / 3 + (n sum p^2 - S^2) / 6), the worst usual order.
  double sum_noise(int step, double value, double sum_of_squares, size_t n) const {
    const double square = value * value;
    const double count = static_cast<double>(n);
    const double spread = std::max(count * sum_of_squares - square, 0.0);
    return sum_scale_[static_cast<size_t>(step)] * std::sqrt(count * square / 3.0 + spread / 6.0);
  }
  // Adds noise of these sizes to values of sub-step `step`.
  void add_noise(int step, std::span<double> values, std::span<const double> sizes,
                 size_t element) const {
    const uint64_t stream = stream_of(step) ^ kSumStream;
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] += sizes[i] * base::random_normal(stream, element + i);
    }
  }
  double sum(int step, double value, double sum_of_squares, size_t n, size_t element) const {
    return value + sum_noise(step, value, sum_of_squares, n) *
                       base::random_normal(stream_of(step) ^ kSumStream, element);
  }

  // One operation inside an op, in the type of computation.
  double compute(double value, size_t element) const {
    if (compute_ == base::DType::kF32) return to_float32(value);
    return compute_ == base::DType::kF64 ? relative(value, 1.0, element)
                                         : base::round_to(compute_, value);
  }

  // exp, tanh, 1/sqrt and their like, as libraries give them: about one rounding in relative size.
  void function(std::span<double> values, size_t element) const {
    for (size_t i = 0; i < values.size(); ++i) values[i] = function(values[i], element + i);
  }
  double function(double value, size_t element) const { return relative(value, 1.0, element); }

  // An absolute error of `roundings` times one rounding of 1.
  double absolute(double value, double roundings, size_t element) const {
    return value + roundings * kRoundingRms * compute_u_ *
                       base::random_normal(key_ ^ kFunctionStream, element);
  }

  // A relative error of `roundings` times one rounding of the type of computation.
  double relative(double value, double roundings, size_t element) const {
    return value + roundings * kRoundingRms * compute_u_ * std::abs(value) *
                       base::random_normal(key_ ^ kFunctionStream, element);
  }

 private:
  void apply(int step, const graph::StepRule& rule);

  static constexpr uint64_t kFunctionStream = 0x66756e6374696f6e;
  static constexpr uint64_t kSumStream = 0x73756d;
  static constexpr size_t kMaxSteps = 16;

  bool dithers(base::Precision to) const { return dithers_[static_cast<size_t>(to)]; }
  static double to_float32(double value) { return static_cast<double>(static_cast<float>(value)); }
  uint64_t stream_of(int step) const {
    return key_ + static_cast<uint64_t>(step) * 0x9e3779b97f4a7c15;
  }

  std::array<std::optional<base::Precision>, kMaxSteps> steps_;
  std::array<bool, kMaxSteps> in_order_ = {};
  std::array<bool, kMaxSteps> from_table_ = {};
  std::array<double, kMaxSteps> sum_scale_ = {};  // kRoundingRms u; 0 where a sum stays exact
  base::DType compute_;
  double compute_u_;
  uint64_t key_;
  std::array<bool, 8> dithers_ = {};      // each precision
  std::array<bool, kMaxSteps> set_ = {};  // whatever the contract says
  const graph::Contract* contract_;
  const graph::OpKind* kind_;
  graph::Circumstances circumstances_;
  RoundingMode mode_;
};

}  // namespace plumb::reference
