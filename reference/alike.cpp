#include "reference/alike.h"

#include <algorithm>
#include <map>
#include <variant>

namespace plumb::reference {
namespace {

// How many rows up to its own a row of the output is made of; 0: of more than that, or of its
// position.
size_t reach_of(const graph::OpKind& kind) {
  if (const auto* conv = std::get_if<graph::CausalConv>(&kind)) {
    return static_cast<size_t>(conv->kernel);
  }
  const bool mixes = std::holds_alternative<graph::Attention>(kind) ||
                     std::holds_alternative<graph::Embedding>(kind) ||
                     std::holds_alternative<graph::GatedDeltaRule>(kind) ||
                     std::holds_alternative<graph::PositionScale>(kind) ||
                     std::holds_alternative<graph::PositionEmbedding>(kind) ||
                     std::holds_alternative<graph::Rope>(kind);
  return mixes ? 0 : 1;
}

// Rows that differ by less than so many roundings meet the same roundings in nearly every sum:
// measured on a projection, rows 5 apart have errors that correlate by 0.86.
constexpr double kApart = 64.0;

bool are_near(std::span<const double> a, std::span<const double> b, double roundoff) {
  double energy = 0.0;
  for (const double v : a) energy += v * v;
  const double limit = kApart * roundoff * kApart * roundoff * energy;
  double squares = 0.0;
  for (size_t i = 0; i < a.size(); ++i) {
    squares += (a[i] - b[i]) * (a[i] - b[i]);
    if (!(squares <= limit)) return false;
  }
  return true;
}

// Are the `reach` rows up to `a` and up to `b` alike?
bool are_alike(Inputs in, size_t a, size_t b, size_t reach, double roundoff) {
  return std::ranges::all_of(in, [&](const Matrix* matrix) {
    for (size_t back = 0; back < reach; ++back) {
      if (!are_near(row(*matrix, a - back), row(*matrix, b - back), roundoff)) return false;
    }
    return true;
  });
}

}  // namespace

std::vector<size_t> find_alike(const graph::OpKind& kind, std::span<const Sequence> sequences,
                               Inputs in, double roundoff) {
  // A token's rows soon differ, by what stands before it: then there is no use in more.
  constexpr size_t kMostKinds = 16;
  const size_t reach = reach_of(kind);
  if (reach == 0) return {};
  std::vector<size_t> alike;
  bool any = false;
  size_t first = 0;
  for (const Sequence& sequence : sequences) {
    std::map<int64_t, std::vector<size_t>> kinds;  // rows that are alike to none before, by token
    for (size_t i = 0; i < sequence.rows(); ++i) {
      const size_t t = first + i;
      alike.push_back(t);
      if (i + 1 < reach) continue;
      std::vector<size_t>& known = kinds[sequence.tokens[i]];
      const auto same = std::ranges::find_if(
          known, [&](size_t other) { return are_alike(in, other, t, reach, roundoff); });
      if (same != known.end()) {
        alike.back() = *same;
        any = true;
      } else if (known.size() < kMostKinds) {
        known.push_back(t);
      }
    }
    first += sequence.rows();
  }
  if (!any) alike.clear();
  return alike;
}

}  // namespace plumb::reference
