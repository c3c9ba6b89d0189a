// quant_method modelopt, and hf_quant_config.json: which of its forms a weight has, its tensors
// say.
//   FP8                      <m>.weight F8_E4M3, .weight_scale, one
//   FP8_PER_CHANNEL_PER_TOKEN                    .weight_scale, one a row
//   FP8_PB_WO                                    .weight_scale, one a block of 128x128
//   MXFP8                                        .weight_scale U8 (E8M0), groups of 32
//   NVFP4, W4A16_NVFP4       <m>.weight U8, .weight_scale F8_E4M3, .weight_scale_2 (a multiplier)
// Source: ModelOpt 0.47, torch/export/quant_utils.py, quantization/qtensor.
#include "base/errors.h"
#include "model/weights/methods/activations.h"
#include "model/weights/methods/method.h"
#include "model/weights/scaled_bytes.h"
#include "model/weights/scaled_fp4.h"
#include "model/weights/shapes.h"

namespace plumb::model {
namespace {

constexpr int64_t kFp8Block = 128;

std::shared_ptr<StoredForm> open_fp8(const RawTensor& weight, const RawTensor& scale) {
  require_rank(weight, 2, 3);
  const Numbers scales(scale, {"F32", "BF16", "F16", "E8M0"});
  const int64_t rows = weight.shape[weight.shape.size() - 2];
  const int64_t columns = weight.shape.back();
  const int64_t stack = weight.shape.size() > 2 ? weight.shape.front() : 1;
  if (scale.dtype == "U8" || scale.dtype == "F8_E8M0") {
    return std::make_shared<ScaledBytes>(weight, scales, std::nullopt,
                                         Block{.rows = 1, .columns = 32}, "mxfp8");
  }
  if (scales.size() == stack) {
    return std::make_shared<ScaledBytes>(weight, scales, std::nullopt, Block{}, "fp8, one scale");
  }
  const bool by_row =
      scales.size() == stack * rows &&
      (scale.shape.size() == 1 || scale.shape.back() == rows || scale.shape.back() == 1);
  if (by_row) {
    return std::make_shared<ScaledBytes>(weight, scales, std::nullopt, Block{.rows = 1},
                                         "fp8, a scale a row");
  }
  if (rows % kFp8Block != 0 || columns % kFp8Block != 0) {
    throw base::InputError(weight.file, weight.name, "has shape " + show(weight.shape),
                           "weights with a scale a block are whole blocks of 128x128");
  }
  return std::make_shared<ScaledBytes>(weight, scales, std::nullopt,
                                       Block{.rows = kFp8Block, .columns = kFp8Block},
                                       "fp8, blocks of 128x128");
}

std::shared_ptr<StoredForm> open_nvfp4(const RawTensor& weight, const RawTensor& scale,
                                       const RawTensor& global) {
  std::vector<int64_t> shape = require_rank(weight, 2, 3).shape;
  shape.back() *= 2;
  return std::make_shared<ScaledFp4>(
      weight, shape, Numbers(scale, {"F8_E4M3"}),
      ScaledFp4::Global{.scale = Numbers(global, {"F32"}), .divides = false}, 16,
      "nvfp4, times a global scale");
}

void read_algorithm(ConfigReader& config, std::string_view key) {
  one_of(config, key, "",
         {"", "FP8", "NVFP4", "W4A16_NVFP4", "FP8_PB_WO", "FP8_PER_CHANNEL_PER_TOKEN", "MXFP8",
          "MIXED_PRECISION"});
}

void read_keys(ConfigReader& config) {
  read_algorithm(config, "quant_algo");
  for (const auto* key :
       {"kv_cache_quant_algo", "group_size", "producer", "quant_method", "kv_cache_scheme",
        "config_groups", "exclude_modules", "ignore", "has_zero_point"}) {
    config.touch(key);
  }
  if (config.has("pre_quant_scale") && config.flag("pre_quant_scale", false)) {
    config.refuse("pre_quant_scale", "is true", "inputs scaled beforehand are not supported");
  }
  config.touch("pre_quant_scale");
  config.touch("quantized_layers");
  if (!config.has("quantized_layers")) return;
  ConfigReader layers = config.object("quantized_layers");
  for (const auto& [name, json] : layers.json().items()) {
    ConfigReader layer = layers.object(name);
    read_algorithm(layer, "quant_algo");
  }
}

// What the tensors tell: a scale of the file, or one a row beside weights that have one a row.
Operand operand_of(const Resolution& tensors, const std::string& stem, const RawTensor& scale,
                   bool fp4) {
  using Code = base::OperandCodes::Code;
  if (fp4) {
    return with_scales(base::OperandCodes{.code = Code::kE2M1, .group = 16}, tensors, stem, false,
                       true);
  }
  const base::OperandCodes codes{.code = Code::kE4M3};
  if (tensors.find(stem + ".input_scale") != nullptr) {
    return with_scales(codes, tensors, stem, true);
  }
  const bool by_row = Numbers(scale, {"F32", "BF16", "F16", "E8M0"}).size() ==
                      tensors.find(stem + ".weight")->shape.front();
  return by_row ? Operand(codes) : std::nullopt;
}

void add(Resolution& tensors, const std::string& stem) {
  const RawTensor& weight = *tensors.find(stem + ".weight");
  if (weight.dtype != "F8_E4M3" && weight.dtype != "U8") return;
  const RawTensor& scale = tensors.need(stem + ".weight_scale", weight);
  const RawTensor* global =
      weight.dtype == "U8" ? &tensors.need(stem + ".weight_scale_2", weight) : nullptr;
  std::vector<const RawTensor*> parts = {&weight, &scale, global};
  const auto runtime = runtime_parts(tensors, stem);
  parts.insert(parts.end(), runtime.begin(), runtime.end());
  const Operand operand = operand_of(tensors, stem, scale, global != nullptr);
  tensors.add(weight.name, parts, [&weight, &scale, global, operand] {
    return beside(operand,
                  global != nullptr ? open_nvfp4(weight, scale, *global) : open_fp8(weight, scale));
  });
}

}  // namespace

void resolve_modelopt(ConfigReader& config, Resolution& tensors) {
  config.touch("quantization");
  config.touch("producer");
  if (config.has("quantization")) {  // the file beside the config
    ConfigReader inner = config.object("quantization");
    read_keys(inner);
    inner.finish({}, {});
  } else {
    read_keys(config);
  }
  for (const std::string& stem : tensors.stems(".weight")) add(tensors, stem);
  add_cache_scales(tensors);
}

}  // namespace plumb::model
