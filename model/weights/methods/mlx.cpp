// MLX's `quantization`: bits, group_size and mode, for all modules or for one by its path.
//   affine   <m>.weight U32, .scales, .biases
//   mxfp4    <m>.weight U32 (eight e2m1 a word), .scales U8 (E8M0), groups of 32
//   nvfp4    the same with .scales U8 (e4m3), groups of 16
//   mxfp8    <m>.weight U32 (four e4m3 a word), .scales U8 (E8M0), groups of 32
// Neither bits nor groups follow from the shapes: the declaration decides.
// Source: MLX 0.32, mx.quantize; mlx-lm, utils.py.
#include <map>

#include "base/errors.h"
#include "model/weights/methods/method.h"
#include "model/weights/scale_and_bias.h"
#include "model/weights/scaled_bytes.h"
#include "model/weights/scaled_fp4.h"
#include "model/weights/shapes.h"

namespace plumb::model {
namespace {

struct Mode {
  std::string name = "affine";
  int bits = 4;
  int64_t group = 64;
};

Mode read_mode(ConfigReader& config, const Mode& usual) {
  Mode mode = usual;
  mode.name = one_of(config, "mode", usual.name, {"affine", "mxfp4", "mxfp8", "nvfp4"});
  const bool changed = mode.name != usual.name;
  if (changed) mode.bits = mode.name == "mxfp8" ? 8 : 4;
  if (changed) mode.group = mode.name == "nvfp4" ? 16 : 32;
  mode.bits = static_cast<int>(config.integer("bits", mode.bits, 2, 8));
  mode.group = config.integer("group_size", mode.group, 1, int64_t{1} << 20);
  const bool known = mode.name == "affine"  ? mode.bits != 7
                     : mode.name == "mxfp8" ? mode.bits == 8 && mode.group == 32
                     : mode.name == "mxfp4" ? mode.bits == 4 && mode.group == 32
                                            : mode.bits == 4 && mode.group == 16;
  if (!known) {
    config.refuse("bits",
                  "is " + std::to_string(mode.bits) + " in groups of " +
                      std::to_string(mode.group) + ", which mode " + mode.name + " does not have",
                  "affine has 2, 3, 4, 5, 6 and 8 bits, mxfp4 and mxfp8 groups of 32, nvfp4 of 16");
  }
  return mode;
}

// The same bytes under another type: words of codes as single codes.
RawTensor as_bytes(const RawTensor& words, std::string dtype, int64_t codes_in_word) {
  RawTensor tensor = require_rank(require_dtype(words, "U32"), 2, 3);
  tensor.dtype = std::move(dtype);
  tensor.shape.back() *= codes_in_word;
  return tensor;
}

std::shared_ptr<const StoredForm> open(const RawTensor& weight, const RawTensor& scales,
                                       const RawTensor* biases, const Mode& mode) {
  if (mode.name == "affine") {
    return std::make_shared<ScaleAndBias>(
        ScaleAndBias::Tensors{weight, Numbers(scales, {"F16", "BF16", "F32"}),
                              Numbers(*biases, {"F16", "BF16", "F32"})},
        mode.bits, mode.group);
  }
  if (mode.name == "mxfp8") {
    return std::make_shared<ScaledBytes>(as_bytes(weight, "F8_E4M3", 4), Numbers(scales, {"E8M0"}),
                                         std::nullopt, Block{.rows = 1, .columns = mode.group},
                                         "mlx mxfp8");
  }
  const RawTensor codes = as_bytes(weight, "U8", 4);
  std::vector<int64_t> shape = codes.shape;
  shape.back() *= 2;
  RawTensor typed = scales;  // bytes of e4m3 carry no type of their own
  if (mode.name == "nvfp4") typed = require_dtype(scales, "U8"), typed.dtype = "F8_E4M3";
  const Numbers numbers =
      mode.name == "nvfp4" ? Numbers(typed, {"F8_E4M3"}) : Numbers(scales, {"E8M0"});
  return std::make_shared<ScaledFp4>(codes, shape, numbers, std::nullopt, mode.group,
                                     "mlx " + mode.name);
}

}  // namespace

void resolve_mlx(ConfigReader& config, Resolution& tensors) {
  for (const auto* key : {"bits", "group_size"}) {
    if (!config.has(key) && !config.has("mode")) config.refuse(key, "is missing", "state it");
  }
  const Mode usual = read_mode(config, {});
  std::map<std::string, Mode> own;
  for (const auto& [path, json] : config.json().items()) {
    if (json.is_object()) {
      ConfigReader module = config.object(path);
      own.emplace(path, read_mode(module, usual));
      module.finish({}, {});
    } else if (json.is_boolean()) {
      config.touch(path);  // quantised by the usual numbers, or not at all
    }
  }
  for (const std::string& stem : tensors.stems(".scales")) {
    const RawTensor& scales = *tensors.find(stem + ".scales");
    const RawTensor& weight = tensors.need(stem + ".weight", scales);
    const auto found = own.find(stem);
    const Mode mode = found == own.end() ? usual : found->second;
    const RawTensor* biases =
        mode.name == "affine" ? &tensors.need(stem + ".biases", weight) : nullptr;
    tensors.add(weight.name, {&weight, &scales, biases},
                [&weight, &scales, biases, mode] { return open(weight, scales, biases, mode); });
  }
}

}  // namespace plumb::model
