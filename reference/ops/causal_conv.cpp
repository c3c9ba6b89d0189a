#include <algorithm>

#include "reference/activation.h"
#include "reference/kernels.h"
#include "reference/past.h"

namespace plumb::reference {

namespace {

// The filters' taps as rows [kernel, channels].
Matrix rows_of_taps(const std::vector<double>& w, size_t kernel, size_t channels, size_t filters) {
  Matrix taps = make_matrix(kernel, channels);
  for (size_t k = 0; k < kernel; ++k) {
    for (size_t c = 0; c < channels; ++c) taps(k, c) = w[c / (channels / filters) * kernel + k];
  }
  return taps;
}

}  // namespace

template <class A>
void compute(const A& a, const graph::CausalConv& op, const Context& context, Inputs in,
             Outputs out) {
  using Step = graph::CausalConv;
  const auto kernel = static_cast<size_t>(op.kernel);
  const size_t channels = out[0].shape(1);
  const Matrix taps =
      rows_of_taps(context.weight(0).values(), kernel, channels, static_cast<size_t>(op.filters));
  std::vector<double> bias(channels, 0.0);
  if (context.has_weight(1)) bias = context.weight(1).values();
  const WithPast x(context, *in[0], 0);
  const auto shift = static_cast<size_t>(context.deviation.position_shift);
  // y[c] = sum_k taps[k, c] x[t - kernel + 1 + k, c] + bias[c], row t of the sequence being x's
  // first + t
  const auto convolve = [&](size_t first, size_t end, size_t t, size_t element,
                            std::span<double> y) {
    std::fill(y.begin(), y.end(), 0.0);
    std::vector<double> squares(A::kEmulates ? channels : 0, 0.0);
    for (size_t k = 0; k < kernel; ++k) {
      const size_t after = t + k + 1 + shift;
      // Before the first position, and after the last: zero.
      if (after < kernel || after - kernel >= end) continue;
      const auto tap = row(taps, k);
      const auto row_of_x = row(x.rows(), first + after - kernel);
      for (size_t c = 0; c < channels; ++c) {
        const double product =
            a.round(Step::kProduct, tap[c] * row_of_x[c], (element + c) * kernel + k);
        y[c] += product;
        if constexpr (A::kEmulates) squares[c] += product * product;
      }
    }
    if constexpr (A::kEmulates) {
      for (size_t c = 0; c < channels; ++c) {
        y[c] = a.sum(Step::kSum, y[c], squares[c], kernel, element + c);
      }
    }
    for (size_t c = 0; c < channels; ++c) y[c] += bias[c];
  };
  size_t index = 0;
  for_sequences(context, [&](const Sequence& sequence, size_t start) {
    const size_t first = x.first(index);
    const size_t past = x.past(index++);
    context.threads.for_ranges(sequence.rows(), kRowGrain, [&](size_t begin, size_t end) {
      for (size_t t = start + begin; t < start + end; ++t) {
        const auto y = row(out[0], t);
        const size_t element = context.noise_row(t) * channels;
        convolve(first, past + sequence.rows(), past + t - start, element, y);
        a.round(Step::kConvolved, y, element);
        if (!op.silu) continue;
        for (size_t c = 0; c < channels; ++c) {
          y[c] = activate(a, model::Activation::kSilu, y[c], element + c);
        }
        a.round(Step::kOutput, y, element);
      }
    });
  });
  x.keep(kernel);
}

PLUMB_INSTANTIATE_KERNEL(CausalConv)

}  // namespace plumb::reference
