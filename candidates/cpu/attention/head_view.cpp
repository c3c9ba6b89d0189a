#include "candidates/cpu/attention/head_view.h"

#include "base/dtype.h"

namespace plumb::candidates::cpu {

double HeadView::bias(size_t key) const {
  const double position = first_position + static_cast<double>(key);
  const auto bfloat16 = [](double x) { return base::round_to(base::DType::kBF16, x); };
  const double added =
      op.alibi.in_bfloat16 ? bfloat16(bfloat16(slope) * bfloat16(position)) : slope * position;
  return op.alibi.before_scale ? added : added / op.scale;
}

HeadView head_view(const graph::Attention& op, const Context& context, const Sequence& sequence,
                   size_t first_row, size_t head) {
  const auto key_dim = static_cast<size_t>(op.head_dim);
  const auto value_dim = static_cast<size_t>(op.value_dim);
  const size_t kv = head / (static_cast<size_t>(op.heads) / static_cast<size_t>(op.kv_heads));
  const KvCache& cache = std::get<KvCache>(sequence.session->state(*context.step.slot));
  const auto held = cache.stretches(kv);
  const size_t kept = cache.size();
  const Rows& q = context.in[0];
  const Rows& k = context.in[1];
  const Rows& v = context.in[2];
  const Rows& out = context.out[0];
  return {.op = op,
          .q = q.row(first_row) + head * key_dim,
          .out = out.row(first_row) + head * value_dim,
          .q_stride = q.width,
          .out_stride = out.width,
          .sink = context.has_weight(0) ? &context.weight(0).values()[head] : nullptr,
          .slope = op.alibi.slopes.empty() ? 0.0 : op.alibi.slopes[head],
          .first_position =
              static_cast<double>(sequence.session->position()) - static_cast<double>(kept),
          .kept = kept,
          .stretches = {{{held[0].k, held[0].v, key_dim, value_dim, {0, held[0].count}},
                         {held[1].k, held[1].v, key_dim, value_dim, {held[0].count, kept}},
                         {k.row(first_row) + kv * key_dim,
                          v.row(first_row) + kv * value_dim,
                          k.width,
                          v.width,
                          {kept, kept + sequence.rows()}}}}};
}

}  // namespace plumb::candidates::cpu
