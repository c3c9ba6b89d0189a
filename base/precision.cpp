#include "base/precision.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace plumb::base {
namespace {

struct Row {
  Precision precision;
  std::string_view name;
  std::optional<DType> dtype;  // the storage type that it is
  int bits;                    // of the significand, the leading one included
  double least;                // the spacing of the subnormals
  double largest;
};

constexpr double kNone = std::numeric_limits<double>::infinity();

constexpr std::array<Row, 7> kRows = {{
    {Precision::kF64, "float64", DType::kF64, 53, 0x1p-1074, kNone},
    {Precision::kF32, "float32", DType::kF32, 24, 0x1p-149, kNone},
    {Precision::kTF32, "tf32", std::nullopt, 11, 0x1p-136, kNone},
    {Precision::kBF16, "bfloat16", DType::kBF16, 8, 0x1p-133, kNone},
    {Precision::kF16, "float16", DType::kF16, 11, 0x1p-24, kNone},
    {Precision::kE4M3, "float8_e4m3fn", std::nullopt, 4, 0x1p-9, 448.0},
    {Precision::kE5M2, "float8_e5m2", std::nullopt, 3, 0x1p-16, 57344.0},
}};

constexpr const Row& row(Precision precision) {
  return kRows[static_cast<size_t>(precision)];
}

double round_to_grid(const Row& format, double x) {
  if (!std::isfinite(x) || x == 0.0) return x;
  const double spacing = std::max(std::ldexp(1.0, std::ilogb(x) - format.bits + 1), format.least);
  const double rounded = std::nearbyint(x / spacing) * spacing;
  return std::abs(rounded) > format.largest ? std::copysign(format.largest, x) : rounded;
}

}  // namespace

std::string_view precision_name(Precision precision) {
  return row(precision).name;
}

std::optional<Precision> precision_from_name(std::string_view name) {
  const auto found = std::ranges::find(kRows, name, &Row::name);
  return found == kRows.end() ? std::nullopt : std::optional(found->precision);
}

std::string_view precision_names() {
  return "float64, float32, tf32, bfloat16, float16, float8_e4m3fn, float8_e5m2";
}

double unit_roundoff(Precision precision) {
  return std::ldexp(1.0, -row(precision).bits);
}

double least_spacing(Precision precision) {
  return row(precision).least;
}

double round_to(Precision precision, double x) {
  const Row& format = row(precision);
  return format.dtype ? round_to(*format.dtype, x) : round_to_grid(format, x);
}

void round_to(Precision precision, std::span<double> values) {
  const Row& format = row(precision);
  if (format.dtype) return round_to(*format.dtype, values);
  for (double& x : values) x = round_to_grid(format, x);
}

}  // namespace plumb::base
