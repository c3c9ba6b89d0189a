#include "candidates/cpu/head_view.h"

namespace plumb::candidates::cpu {

HeadView head_view(const graph::Attention& op, const Context& context, const Sequence& sequence,
                   size_t first_row, size_t head) {
  const auto dim = static_cast<size_t>(op.head_dim);
  const size_t kv = head / (static_cast<size_t>(op.heads) / static_cast<size_t>(op.kv_heads));
  const KvCache& cache = std::get<KvCache>(sequence.session->state(*context.step.slot));
  const auto held = cache.stretches(kv);
  const size_t kept = cache.size();
  const Rows& k = context.in[1];
  const Rows& v = context.in[2];
  const size_t rows = sequence.rows();
  return {.op = op,
          .q = context.in[0].row(first_row) + head * dim,
          .out = context.out[0].row(first_row) + head * dim,
          .q_stride = context.in[0].width,
          .kept = kept,
          .stretches = {{{held[0].k, held[0].v, dim, {0, held[0].count}},
                         {held[1].k, held[1].v, dim, {held[0].count, kept}},
                         {k.row(first_row) + kv * dim,
                          v.row(first_row) + kv * dim,
                          k.width,
                          {kept, kept + rows}}}}};
}

}  // namespace plumb::candidates::cpu
