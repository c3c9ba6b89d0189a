#include "candidates/cpu/ops/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "candidates/cpu/delta/causal_conv.cpp"
#include "hwy/foreach_target.h"
// After foreach_target.h, as Highway asks.
#include "candidates/cpu/simd/activation-inl.h"

HWY_BEFORE_NAMESPACE();
namespace plumb::candidates::cpu::HWY_NAMESPACE {

// y = act(bias + sum_k taps[k] x[t - kernel + 1 + k]), `taps` [kernel, channels] and then the bias;
// the rows before the call's first stand in `state`.
void convolve_row(const graph::CausalConv& op, const Rows& x, size_t t, size_t first_row,
                  const ConvState& state, const float* taps, float* y) {
  const auto kernel = static_cast<size_t>(op.kernel);
  for (size_t k = 0; k < kernel; ++k) {
    const size_t back = kernel - 1 - k;
    const bool in_call = t >= first_row + back;
    const float* const from = in_call ? x.row(t - back) : state.before(back - (t - first_row));
    const float* const w = taps + k * x.width;
    if (k == 0) {
      map(
          F(), x.width, y,
          [](auto v, auto tap, auto bias) HWY_ATTR { return hn::MulAdd(v, tap, bias); }, from, w,
          taps + kernel * x.width);
    } else {
      map(
          F(), x.width, y,
          [](auto v, auto tap, auto sum) HWY_ATTR { return hn::MulAdd(v, tap, sum); }, from, w, y);
    }
  }
  if (op.silu) map64(x.width, y, Silu(), y);
}

const char* conv_target() {
  return target_name();
}

}  // namespace plumb::candidates::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace plumb::candidates::cpu {

HWY_EXPORT(convolve_row);
HWY_EXPORT(conv_target);

Ran compute(const graph::CausalConv& op, const Context& context) {
  const Rows& x = context.in[0];
  for_sequences(context, [&](const Sequence& sequence, size_t first_row) {
    ConvState& state = std::get<ConvState>(sequence.session->state(*context.step.slot));
    for_rows_of(context, sequence, [&](size_t begin, size_t end) {
      for (size_t t = first_row + begin; t < first_row + end; ++t) {
        HWY_DYNAMIC_DISPATCH(convolve_row)
        (op, x, t, first_row, state, context.step.constants.data(), context.out[0].row(t));
      }
    });
    state.append(x.row(first_row), sequence.rows());
  });
  return {"rows", HWY_DYNAMIC_DISPATCH(conv_target)()};
}

// The filters as [kernel, channels]: a channel's taps apart, its neighbours' beside them. Below
// them the bias, zeros where there is none.
Buffer<float> constants_for(const graph::CausalConv& op, const Step& step) {
  const std::span<const float> filters = step.weights[0]->values();
  const auto kernel = static_cast<size_t>(op.kernel);
  const size_t channels = step.out[0].width;
  const size_t per_filter = channels / static_cast<size_t>(op.filters);
  Buffer<float> taps((kernel + 1) * channels);
  for (size_t k = 0; k < kernel; ++k) {
    for (size_t c = 0; c < channels; ++c) {
      taps[k * channels + c] = filters[c / per_filter * kernel + k];
    }
  }
  float* const bias = taps.data() + kernel * channels;
  if (step.weights.size() > 1) {
    std::ranges::copy(step.weights[1]->values(), bias);
  } else {
    std::fill_n(bias, channels, 0.0f);
  }
  return taps;
}

std::optional<State> initial_state(const graph::CausalConv& op, const Step& step) {
  return ConvState(static_cast<size_t>(op.kernel), step.in[0].width);
}

}  // namespace plumb::candidates::cpu
#endif
