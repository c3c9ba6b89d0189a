// quant_method fp8: F8_E4M3 with a scale for each block of weight_block_size, or one a tensor.
//   <m>.weight, <m>.weight_scale_inv (multiplied, in spite of its name)
// Source: transformers 5.23, FineGrainedFP8Config; DeepSeek-V3's weights; vLLM's names of the
// per-tensor form (weight_scale, input_scale) and Mistral's (qscale_weight, qscale_act). The block
// is the declared one: the grid of a weight whose sides are no multiples of it tells nothing.
#include "model/weights/methods/activations.h"
#include "model/weights/methods/method.h"
#include "model/weights/scaled_bytes.h"

namespace plumb::model {
namespace {

constexpr int64_t kBlockLimit = int64_t{1} << 20;

// Null: one scale a tensor.
std::optional<Block> read_block(ConfigReader& config) {
  config.touch("weight_block_size");
  if (!config.has("weight_block_size")) return std::nullopt;
  const std::vector<double> sides = config.numbers("weight_block_size");
  for (const double side : sides) {
    if (sides.size() != 2 || side < 1 || side > kBlockLimit || side != static_cast<int64_t>(side)) {
      config.refuse("weight_block_size", "is not two sizes", "write [128, 128], or null");
    }
  }
  if (sides.size() != 2) {
    config.refuse("weight_block_size", "is not two sizes", "write [128, 128], or null");
  }
  return Block{.rows = static_cast<int64_t>(sides[0]), .columns = static_cast<int64_t>(sides[1])};
}

struct Scheme {
  std::optional<Block> block;
  bool static_activations = false;
  bool powers_of_two = false;
};

// Groups as wide as the blocks, a scale of the file, or one a row.
Operand operand_of(const Resolution& tensors, const std::string& stem, const Scheme& scheme) {
  base::OperandCodes codes{.code = base::OperandCodes::Code::kE4M3,
                           .powers_of_two = scheme.powers_of_two};
  if (scheme.block) codes.group = static_cast<size_t>(scheme.block->columns);
  return with_scales(codes, tensors, stem, scheme.static_activations);
}

void add(Resolution& tensors, const RawTensor& weight, const Scheme& scheme) {
  const std::optional<Block>& block = scheme.block;
  const bool module = weight.name.ends_with(".weight");
  const std::string stem = module ? weight.name.substr(0, weight.name.size() - 7) : weight.name;
  const RawTensor& scale = tensors.need_one_of({weight.name + "_scale_inv", weight.name + "_scale",
                                                stem + ".scale", stem + ".qscale_weight"},
                                               weight);
  std::vector<const RawTensor*> parts = {&weight, &scale};
  const auto runtime = runtime_parts(tensors, stem);
  parts.insert(parts.end(), runtime.begin(), runtime.end());
  const Operand operand = operand_of(tensors, stem, scheme);
  tensors.add(weight.name, parts, [&weight, &scale, block, operand] {
    const Numbers scales(scale, {"F32", "BF16", "F16", "E8M0"});
    const std::string form = block ? "fp8, blocks of " + std::to_string(block->rows) + "x" +
                                         std::to_string(block->columns)
                                   : "fp8, one scale";
    return beside(operand, std::make_shared<ScaledBytes>(weight, scales, std::nullopt,
                                                         block.value_or(Block{}), form));
  });
}

}  // namespace

void resolve_fp8(ConfigReader& config, Resolution& tensors) {
  Scheme scheme{.block = read_block(config)};
  scheme.static_activations =
      one_of(config, "activation_scheme", "dynamic", {"dynamic", "static"}) == "static";
  one_of(config, "fmt", "e4m3", {"e4m3"});
  scheme.powers_of_two = one_of(config, "scale_fmt", "float", {"float", "ue8m0"}) == "ue8m0";
  one_of(config, "expert_dtype", "fp8", {"fp8"});
  config.touch("dequantize");
  config.touch("kv_cache_scheme");
  for (const auto* key : {"modules_to_not_convert", "modules_to_convert", "ignored_layers"}) {
    skip_module_list(config, key);
  }
  for (const auto& [name, weight] : tensors.raw()) {
    if (weight.dtype == "F8_E4M3" && weight.shape.size() >= 2 && !name.ends_with("_scale")) {
      add(tensors, weight, scheme);
    }
  }
  add_cache_scales(tensors);
}

// A scale for each output; activations are quantised by row, their amax capped at
// activation_scale_ub, which stands in the file beside each weight too.
void resolve_fbgemm_fp8(ConfigReader& config, Resolution& tensors) {
  config.positive("activation_scale_ub", 1200.0);
  skip_module_list(config, "modules_to_not_convert");
  for (const std::string& stem : tensors.stems(".weight")) {
    const RawTensor& weight = *tensors.find(stem + ".weight");
    if (weight.dtype != "F8_E4M3") continue;
    const RawTensor& scale = tensors.need(stem + ".weight_scale", weight);
    std::vector<const RawTensor*> parts = {&weight, &scale};
    const auto runtime = runtime_parts(tensors, stem);
    parts.insert(parts.end(), runtime.begin(), runtime.end());
    tensors.add(weight.name, parts, [&weight, &scale] {
      return std::make_shared<ScaledBytes>(weight, Numbers(scale, {"F32", "BF16", "F16"}),
                                           std::nullopt, Block{.rows = 1}, "fp8, a scale a row");
    });
  }
}

}  // namespace plumb::model
