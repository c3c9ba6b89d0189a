// Rows grouped by expert, so that an expert's weights are read once for all its rows.
//
// A place is a chosen pair (row, expert). Places lie in the order of the experts, and of the rows
// within an expert. Shared scratch holds for each: the gathered x [H], gate [F], up [F], answer
// [H].
#include <vector>

#include "base/errors.h"
#include "candidates/cpu/ops/gated_activation.h"
#include "candidates/cpu/ops/kernels.h"
#include "candidates/cpu/products/product.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "candidates/cpu/ops/experts.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "candidates/cpu/simd/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::candidates::cpu::HWY_NAMESPACE {

void add_answer(float weight, const float* answer, float* y, size_t n) {
  add_scaled(weight, answer, y, n);
}

}  // namespace plumb::candidates::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace plumb::candidates::cpu {

HWY_EXPORT(add_answer);

namespace {

struct Grouping {
  std::vector<size_t> begin;      // of each expert's places, and the end of the last
  std::vector<size_t> row;        // of each place
  std::vector<float> weight;      // of each place
  std::vector<size_t> places_of;  // [rows, chosen]: in the order of the experts
};

Grouping group(size_t experts, const Rows& ids, const Rows& weights) {
  const size_t places = ids.rows * ids.width;
  std::vector<size_t> expert(places);
  Grouping g{.begin = std::vector<size_t>(experts + 1),
             .row = std::vector<size_t>(places),
             .weight = std::vector<float>(places),
             .places_of = std::vector<size_t>(places)};
  for (size_t i = 0; i < places; ++i) {
    const float id = ids.data[i];
    base::ensure(id >= 0.0f && id < static_cast<float>(experts), "an expert's id is in range");
    expert[i] = static_cast<size_t>(id);
    ++g.begin[expert[i] + 1];
  }
  for (size_t e = 0; e < experts; ++e) g.begin[e + 1] += g.begin[e];
  std::vector<size_t> next(g.begin);
  for (size_t i = 0; i < places; ++i) {
    const size_t place = next[expert[i]]++;
    g.row[place] = i / ids.width;
    g.weight[place] = weights.data[i];
  }
  std::vector<size_t> found(ids.rows);
  for (size_t place = 0; place < places; ++place) {
    const size_t row = g.row[place];
    g.places_of[row * ids.width + found[row]++] = place;
  }
  return g;
}

// The four parts of the scratch memory.
struct Parts {
  Parts(float* memory, size_t places, size_t outer, size_t inner)
      : x(memory),
        gate(x + places * outer),
        up(gate + places * inner),
        answer(up + places * inner) {}

  float* x;
  float* gate;
  float* up;
  float* answer;
};

// y = x W^T (+ b) of every expert that has places, W and b its parts of weight number `index` and
// of its bias, three numbers on.
void add_products(std::vector<Product>& products, const Grouping& g, const Context& context,
                  size_t index, size_t columns, const float* x, float* y) {
  const Weight& weight = context.weight(index);
  const float* const bias =
      context.has_weight(index + 3) ? context.weight(index + 3).values().data() : nullptr;
  for (size_t e = 0; e + 1 < g.begin.size(); ++e) {
    const size_t places = g.begin[e + 1] - g.begin[e];
    if (places == 0) continue;
    products.push_back({.weight = &weight,
                        .first = e * columns,
                        .columns = columns,
                        .bias = bias == nullptr ? nullptr : bias + e * columns,
                        .x = x + g.begin[e] * weight.columns(),
                        .rows = places,
                        .y = y + g.begin[e] * columns,
                        .y_stride = columns});
  }
}

// act(gate) * up, into `gate`
void combine(const graph::Experts& op, float* gate_values, const float* up, size_t n) {
  if (op.activation == model::Activation::kClampedGlu) {
    clamped_glu(op.glu_limit, op.glu_alpha, gate_values, up, gate_values, n);
  } else {
    gate(op.activation, gate_values, up, gate_values, n);
  }
}

}  // namespace

Ran compute(const graph::Experts& op, const Context& context) {
  const Rows& x = context.in[0];
  const Rows& y = context.out[0];
  const auto inner = static_cast<size_t>(op.intermediate_size);
  const Grouping g = group(static_cast<size_t>(op.experts), context.in[1], context.in[2]);
  const size_t places = g.row.size();
  const Parts parts(context.scratch.shared(), places, x.width, inner);
  for (size_t place = 0; place < places; ++place) {
    std::copy_n(x.row(g.row[place]), x.width, parts.x + place * x.width);
  }
  std::vector<Product> products;
  add_products(products, g, context, 0, inner, parts.x, parts.gate);
  add_products(products, g, context, 1, inner, parts.x, parts.up);
  multiply(products, context.threads, context.scratch);
  context.threads.for_ranges(places * inner, kFloatsOfAPiece, [&](size_t begin, size_t end) {
    combine(op, parts.gate + begin, parts.up + begin, end - begin);
  });
  products.clear();
  add_products(products, g, context, 2, x.width, parts.gate, parts.answer);
  multiply(products, context.threads, context.scratch);
  for_rows(context, [&](size_t begin, size_t end) {
    const size_t chosen = context.in[1].width;
    for (size_t t = begin; t < end; ++t) {
      std::fill_n(y.row(t), y.width, 0.0f);
      for (size_t i = 0; i < chosen; ++i) {
        const size_t place = g.places_of[t * chosen + i];
        HWY_DYNAMIC_DISPATCH(add_answer)
        (g.weight[place], parts.answer + place * y.width, y.row(t), y.width);
      }
    }
  });
  return ran_by(products.front());
}

ScratchSize scratch_for(const graph::Experts& op, const Step& step) {
  size_t panel = 0;
  for (size_t i = 0; i < matrices_of(op); ++i) {
    panel = std::max(panel, product_scratch(*step.weights[i]));
  }
  const size_t chosen = step.in[1].width;
  const size_t inner = static_cast<size_t>(op.intermediate_size);
  return {.per_row = chosen * 2 * (step.in[0].width + inner), .per_worker = panel};
}

}  // namespace plumb::candidates::cpu
#endif
