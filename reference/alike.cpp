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
                     std::holds_alternative<graph::Rope>(kind);
  return mixes ? 0 : 1;
}

// Are the `reach` rows up to `a` and up to `b` the same?
bool are_same(Inputs in, size_t a, size_t b, size_t reach) {
  return std::ranges::all_of(in, [&](const Matrix* matrix) {
    for (size_t back = 0; back < reach; ++back) {
      if (!std::ranges::equal(row(*matrix, a - back), row(*matrix, b - back))) return false;
    }
    return true;
  });
}

}  // namespace

std::vector<size_t> find_alike(const graph::OpKind& kind, std::span<const Sequence> sequences,
                               Inputs in) {
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
      const auto same =
          std::ranges::find_if(known, [&](size_t other) { return are_same(in, other, t, reach); });
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
