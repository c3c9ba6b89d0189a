#include "base/operand_codes.h"

#include <algorithm>
#include <cmath>

#include "base/errors.h"
#include "base/precision.h"
#include "base/random.h"
#include "base/small_floats.h"

namespace plumb::base {
namespace {

using Code = OperandCodes::Code;
using Recipe = OperandCodes::Recipe;

// What makes codes of values, and values of codes.
struct Scale {
  double factor = 0.0;  // a value is multiplied with it; 0: divided by `value` instead
  double value = 0.0;
  double zero = 0.0;
};

struct Range {
  double least;
  double most;
  double largest;  // magnitude of a code that a scale is made for, by torch's modules
};

Range range_of(Code code) {
  switch (code) {
    case Code::kInt8:
      return {-128.0, 127.0, 127.5};
    case Code::kE4M3:
      return {-kLargestE4M3, kLargestE4M3, kLargestE4M3};
    case Code::kE2M1:
      return {-kLargestE2M1, kLargestE2M1, kLargestE2M1};
  }
  return {};
}

double f32(double value) {
  return round_to(DType::kF32, value);
}

// The distance between codes around x.
double spacing(Code code, double x) {
  if (code == Code::kInt8) return 1.0;
  const int fraction = code == Code::kE4M3 ? 3 : 1;
  const double least = code == Code::kE4M3 ? 0x1p-9 : 0.5;
  return x == 0.0 ? least : std::max(std::ldexp(1.0, std::ilogb(x) - fraction), least);
}

double nearest(Code code, double x, bool halves_away) {
  switch (code) {
    case Code::kInt8:
      return halves_away ? std::round(x) : std::nearbyint(x);
    case Code::kE4M3:
      return round_to(Precision::kE4M3, x);
    case Code::kE2M1:
      return e2m1_values()[e2m1_from_double(x)];
  }
  return x;
}

double largest_magnitude(std::span<const double> values) {
  double largest = 0.0;
  for (const double value : values) largest = std::max(largest, std::abs(value));
  return largest;
}

Scale ggml_scale(Recipe recipe, std::span<const double> values, bool portable) {
  const double extreme = *std::max_element(
      values.begin(), values.end(), [](double a, double b) { return std::abs(a) < std::abs(b); });
  if (recipe == Recipe::kQ8_K) {
    const double inverse = f32(-127.0 / f32(extreme));
    return {inverse, f32(1.0 / inverse)};
  }
  const double most = f32(std::abs(extreme));
  const double exact = f32(most / 127.0);
  return {f32(portable ? 1.0 / exact : 127.0 / most), round_to(DType::kF16, exact)};
}

Scale fp4_scale(const OperandCodes& codes, double largest) {
  const DType in = codes.working;
  const double local = round_to(in, largest / kLargestE2M1);
  const double rounded =
      round_to(Precision::kE4M3, std::min(round_to(in, codes.global * local), kLargestE4M3));
  constexpr double kInsteadOfZero = 0.125;
  return {0.0, round_to(in, (rounded == 0.0 ? kInsteadOfZero : rounded) / codes.global)};
}

Scale torch_scale(const OperandCodes& codes, std::span<const double> values) {
  const DType in = codes.working;
  const Range range = range_of(codes.code);
  const double u = unit_roundoff(in);
  if (codes.symmetric) {
    const double scale = round_to(in, largest_magnitude(values) / round_to(in, range.largest));
    return {0.0, scale == 0.0 ? 2.0 * u : scale};
  }
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  const double least = std::min(*low, 0.0);
  const double width = round_to(in, std::max(*high, 0.0) - least);
  double scale = round_to(in, width / round_to(in, range.most - range.least));
  const double zero =
      std::clamp(round_to(in, range.least - round_to(in, least / scale)), range.least, range.most);
  if (scale == 0.0) scale = 2.0 * u;
  return {0.0, scale, std::isfinite(zero) ? std::nearbyint(zero) : 0.0};
}

Scale served_scale(const OperandCodes& codes, double largest) {
  constexpr double kLeastInGroup = 1e-10;
  if (codes.code == Code::kInt8) return {f32(127.0 / largest), f32(largest / 127.0)};
  if (codes.group > 0) {
    const double scale = f32(std::max(largest, kLeastInGroup) / kLargestE4M3);
    return {0.0, codes.powers_of_two ? std::exp2(std::ceil(std::log2(scale))) : scale};
  }
  const double least = codes.whole_call ? 0.0 : f32(1.0 / (kLargestE4M3 * 512.0));
  const double scale = std::max(f32(largest / kLargestE4M3), least);
  return {f32(1.0 / scale), scale};
}

Scale scale_of(const OperandCodes& codes, std::span<const double> values, bool portable) {
  if (codes.scale != 0.0) {
    const bool multiplies = codes.recipe == Recipe::kServed && codes.code == Code::kE4M3;
    return {multiplies ? f32(1.0 / codes.scale) : 0.0, codes.scale, codes.zero};
  }
  if (codes.code == Code::kE2M1) return fp4_scale(codes, largest_magnitude(values));
  switch (codes.recipe) {
    case Recipe::kTorch:
      return torch_scale(codes, values);
    case Recipe::kServed:
      return served_scale(codes, largest_magnitude(values));
    default:
      return ggml_scale(codes.recipe, values, portable);
  }
}

void round_group(const OperandCodes& codes, const Scale& scale, const CodeRounding& how,
                 std::span<double> values, size_t column) {
  const Range range = range_of(codes.code);
  const bool stored = codes.recipe == Recipe::kTorch;
  for (size_t i = 0; i < values.size(); ++i) {
    double x = scale.factor != 0.0 ? values[i] * scale.factor : values[i] / scale.value;
    if (scale.zero != 0.0) x = round_to(codes.working, x) + scale.zero;
    x = round_to(codes.working, x);
    double code = nearest(codes.code, x, how.portable);
    if (how.dithered) {
      const double grid = spacing(codes.code, x);
      code = std::floor(x / grid + random_uniform(how.key, column + i)) * grid;
    }
    const double value = (std::clamp(code, range.least, range.most) - scale.zero) * scale.value;
    values[i] = stored ? round_to(codes.working, value) : value;
  }
}

}  // namespace

std::optional<OperandCodes> ggml_operand(std::string_view type) {
  if (type == "Q4_1" || type == "Q5_1") {
    return OperandCodes{.recipe = Recipe::kQ8_1, .group = 32};
  }
  for (const std::string_view name :
       {"Q4_0", "Q5_0", "Q8_0", "IQ4_NL", "MXFP4", "NVFP4", "Q1_0", "Q2_0"}) {
    if (type == name) return OperandCodes{.recipe = Recipe::kQ8_0, .group = 32};
  }
  if (type.ends_with("_K") || type.starts_with("IQ") || type.starts_with("TQ")) {
    return OperandCodes{.recipe = Recipe::kQ8_K, .group = 256};
  }
  return std::nullopt;
}

void round_to_codes(const OperandCodes& codes, std::span<double> values, size_t columns,
                    FunctionRef<CodeRounding(size_t row)> rounding) {
  const size_t group = codes.group == 0 ? columns : codes.group;
  std::optional<Scale> shared;
  if (codes.whole_call && codes.scale == 0.0) shared = scale_of(codes, values, false);
  for (size_t begin = 0; begin < values.size(); begin += columns) {
    const CodeRounding how = rounding(begin / columns);
    for (size_t column = 0; column < columns; column += group) {
      const auto part = values.subspan(begin + column, std::min(group, columns - column));
      const bool empty = codes.scale == 0.0 && largest_magnitude(part) == 0.0;
      const Scale scale = shared ? *shared : scale_of(codes, part, how.portable);
      // A group of zeros, or of less than float32 can invert.
      if ((empty && scale.zero == 0.0) || !std::isfinite(scale.factor)) {
        std::fill(part.begin(), part.end(), 0.0);
      } else {
        round_group(codes, scale, how, part, column);
      }
    }
  }
}

}  // namespace plumb::base
