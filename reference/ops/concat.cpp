#include "reference/elementwise.h"
#include "reference/kernels.h"

namespace plumb::reference {

template <class A>
void compute(const A&, const graph::Concat& op, const Context& context, Inputs in, Outputs out) {
  const auto groups = static_cast<size_t>(op.groups);
  for_rows(context, out[0], [&](size_t t, size_t) {
    auto to = row(out[0], t).begin();
    for (size_t g = 0; g < groups; ++g) {
      for (size_t k = 0; k < in.size(); ++k) {
        const auto x = row(*in[k], t);
        const bool whole = op.broadcast_last && k + 1 == in.size();
        const size_t width = whole ? x.size() : x.size() / groups;
        const auto part = x.subspan(whole ? 0 : g * width, width);
        to = std::copy(part.begin(), part.end(), to);
      }
    }
  });
}

PLUMB_INSTANTIATE_KERNEL(Concat)

}  // namespace plumb::reference
