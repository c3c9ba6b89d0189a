// Names that people give to taps and dtypes elsewhere, so that a misnamed dataset can be answered
// with the name that was meant.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace plumb::trace {

// "layers.0.out", "layer.0.mlp_out", "model.layers.0.self_attn.q_proj" or "l_out-0" as the tap
// that is meant; none where no tap comes near.
std::optional<std::string> meant_tap(std::string_view name);

// "fp32", "bf16", "torch.float32" as the dtype's name in a trace.
std::optional<std::string> meant_dtype(std::string_view name);

}  // namespace plumb::trace
