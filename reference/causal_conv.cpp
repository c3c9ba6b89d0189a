#include "reference/activation.h"
#include "reference/kernels.h"
#include "reference/past.h"

namespace plumb::reference {

template <class A>
void compute(const A& a, const graph::CausalConv& op, const Context& context, Inputs in,
             Outputs out) {
  using Step = graph::CausalConv;
  const std::vector<double> w = context.weight(0).values();
  const auto kernel = static_cast<size_t>(op.kernel);
  const size_t channels = out[0].shape(1);
  const size_t per_filter = channels / static_cast<size_t>(op.filters);
  const WithPast x(context, *in[0], 0);
  const auto shift = static_cast<size_t>(context.deviation.position_shift);
  // y[t, c] = sum_k w[f, k] x[t - kernel + 1 + k, c], row t of the sequence being x's first + t
  const auto convolve = [&](size_t first, size_t end, size_t t, size_t c, size_t element) {
    double sum = 0.0;
    double squares = 0.0;
    for (size_t k = 0; k < kernel; ++k) {
      const size_t after = t + k + 1 + shift;
      // Before the first position, and after the last: zero.
      if (after < kernel || after - kernel >= end) continue;
      const double product = a.round(
          Step::kProduct, w[c / per_filter * kernel + k] * x.rows()(first + after - kernel, c),
          element * kernel + k);
      sum += product;
      squares += product * product;
    }
    return a.sum(Step::kSum, sum, squares, kernel, element);
  };
  size_t index = 0;
  for_sequences(context, [&](const Sequence& sequence, size_t start) {
    const size_t first = x.first(index);
    const size_t past = x.past(index++);
    context.threads.for_ranges(sequence.rows(), kRowGrain, [&](size_t begin, size_t end) {
      for (size_t t = start + begin; t < start + end; ++t) {
        const auto y = row(out[0], t);
        for (size_t c = 0; c < channels; ++c) {
          y[c] = convolve(first, past + sequence.rows(), past + t - start, c, t * channels + c);
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
  x.keep(kernel);
}

PLUMB_INSTANTIATE_KERNEL(CausalConv)

}  // namespace plumb::reference
