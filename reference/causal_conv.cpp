#include "reference/activation.h"
#include "reference/kernels.h"

namespace plumb::reference {

template <class A>
void compute(const A& a, const graph::CausalConv& op, const Context& context, Inputs in,
             Outputs out) {
  using Step = graph::CausalConv;
  const std::vector<double> w = context.weight(0).values();
  const auto kernel = static_cast<size_t>(op.kernel);
  const size_t channels = out[0].shape(1);
  const size_t per_filter = channels / static_cast<size_t>(op.filters);
  // y[t, c] = sum_k w[f, k] x[t - kernel + 1 + k, c]
  const auto shift = static_cast<size_t>(context.deviation.position_shift);
  const auto convolve = [&](size_t start, size_t end, size_t t, size_t c) {
    double sum = 0.0;
    double squares = 0.0;
    for (size_t k = 0; k < kernel; ++k) {
      const size_t after = t + k + 1 + shift;
      // Before the first position, and after the last: zero.
      if (after < start + kernel || after - kernel >= end) continue;
      const double product =
          a.round(Step::kProduct, w[c / per_filter * kernel + k] * (*in[0])(after - kernel, c),
                  (t * channels + c) * kernel + k);
      sum += product;
      squares += product * product;
    }
    return a.sum(Step::kSum, sum, squares, kernel, t * channels + c);
  };
  for_sequences(context, [&](const Sequence& sequence, size_t start) {
    context.threads.for_ranges(sequence.rows(), kRowGrain, [&](size_t begin, size_t end) {
      for (size_t t = start + begin; t < start + end; ++t) {
        const auto y = row(out[0], t);
        for (size_t c = 0; c < channels; ++c) {
          y[c] = convolve(start, start + sequence.rows(), t, c);
        }
        a.round(Step::kConvolved, y, t * channels);
        if (!op.silu) continue;
        for (size_t c = 0; c < channels; ++c) {
          y[c] = activate(a, model::Activation::kSilu, y[c], t * channels + c);
        }
        a.round(Step::kOutput, y, t * channels);
      }
    });
  });
}

PLUMB_INSTANTIATE_KERNEL(CausalConv)

}  // namespace plumb::reference
