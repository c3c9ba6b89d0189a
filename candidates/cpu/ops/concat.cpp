#include <algorithm>

#include "candidates/cpu/ops/kernels.h"

namespace plumb::candidates::cpu {

Ran compute(const graph::Concat& op, const Context& context) {
  const auto groups = static_cast<size_t>(op.groups);
  for_rows(context, [&](size_t begin, size_t end) {
    for (size_t t = begin; t < end; ++t) {
      float* to = context.out[0].row(t);
      for (size_t g = 0; g < groups; ++g) {
        for (size_t i = 0; i < context.in.size(); ++i) {
          const Rows& x = context.in[i];
          const bool whole = op.broadcast_last && i + 1 == context.in.size();
          const size_t width = whole ? x.width : x.width / groups;
          to = std::copy_n(x.row(t) + (whole ? 0 : g * width), width, to);
        }
      }
    }
  });
  return {"rows", ""};
}

}  // namespace plumb::candidates::cpu
