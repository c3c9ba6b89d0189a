#include "compare/diagnose/range.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "compare/library/fault.h"

namespace plumb::diagnose {
namespace {

using evidence::replay;
using evidence::Truth;
using evidence::Values;
using graph::Attention;
using reference::Matrix;
using trace::Tap;

constexpr double kLargestHalf = 65504.0;

// The largest product of a query with a key that it sees, before the scale.
double largest_score(const Attention& attention, const Matrix& q, const Matrix& k) {
  const auto heads = static_cast<size_t>(attention.heads);
  const auto kv_heads = static_cast<size_t>(attention.kv_heads);
  const auto dim = static_cast<size_t>(attention.head_dim);
  const auto window = static_cast<size_t>(attention.window);
  double largest = 0.0;
  for (size_t t = 0; t < q.shape(0); ++t) {
    const size_t begin = window > 0 && t + 1 > window ? t + 1 - window : 0;
    for (size_t h = 0; h < heads; ++h) {
      const double* const query = &q(t, h * dim);
      for (size_t s = begin; s <= t; ++s) {
        const double* const key = &k(s, h / (heads / kv_heads) * dim);
        double sum = 0.0;
        for (size_t i = 0; i < dim; ++i) sum += query[i] * key[i];
        largest = std::max(largest, std::abs(sum));
      }
    }
  }
  return largest;
}

std::optional<Tap> tap_of(const graph::Graph& graph, graph::ValueId id) {
  const auto& taps = graph.value(id).taps;
  return taps.empty() ? std::nullopt : std::optional(taps.back());
}

Diagnosis describe(int layer, const std::string& what, double size) {
  Diagnosis cause{.cause = "float16_range", .explained = 1.0};
  if (layer >= 0) cause.layer = layer;
  cause.says = fmt::format("{}{} reaches {:.4g}, and float16 ends at 65504", what,
                           layer >= 0 ? fmt::format(" of layer {}", layer) : "", size);
  return cause;
}

}  // namespace

std::optional<Diagnosis> find_overflow(Truth& truth, const std::vector<int64_t>& tokens) {
  const graph::Graph& graph = truth.graph();
  const std::vector<Tap> taps = graph.taps();
  const Values values = replay(truth.reference(), tokens, taps, {});
  for (const graph::Op& op : graph.ops) {
    if (const auto* attention = std::get_if<Attention>(&op.kind)) {
      const auto q = tap_of(graph, op.inputs[0]);
      const auto k = tap_of(graph, op.inputs[1]);
      if (q && k) {
        const double score = largest_score(*attention, values.at(*q), values.at(*k));
        if (score > kLargestHalf) {
          return describe(op.layer, "a score, before it is scaled,", score);
        }
      }
    }
    const auto tap = tap_of(graph, op.outputs.front());
    if (!tap) continue;
    double largest = 0.0;
    for (const double v : values.at(*tap)) largest = std::max(largest, std::abs(v));
    if (largest > kLargestHalf) return describe(op.layer, tap->name(), largest);
  }
  return std::nullopt;
}

}  // namespace plumb::diagnose
