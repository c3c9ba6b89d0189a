// quant_method compressed-tensors: groups of modules, each with its numbers and its format.
//   float-, int-, naive-quantized   <m>.weight, .weight_scale, .weight_zero_point
//   mxfp8-quantized                 <m>.weight, .weight_scale (E8M0)
//   pack-quantized                  <m>.weight_packed, .weight_scale, .weight_shape,
//                                   .weight_zero_point, .weight_g_idx
//   nvfp4-, mxfp4-pack-quantized    <m>.weight_packed, .weight_scale, .weight_global_scale
// Source: compressed-tensors 0.20, quantization/quant_args.py, quant_config.py, compressors.
#include <algorithm>

#include "base/errors.h"
#include "model/weights/methods/activations.h"
#include "model/weights/methods/method.h"
#include "model/weights/methods/targets.h"
#include "model/weights/packed_ints.h"
#include "model/weights/scaled_bytes.h"
#include "model/weights/scaled_fp4.h"
#include "model/weights/shapes.h"

namespace plumb::model {
namespace {

constexpr int64_t kSizeLimit = int64_t{1} << 30;

struct Group {
  Targets targets;
  std::string format;
  int bits = 8;
  bool symmetric = true;
  std::string strategy;
  Block block;  // of one scale
  Operand operand;
  bool static_operand = false;
};

const std::initializer_list<std::string_view> kFormats = {
    "dense",          "float-quantized",      "int-quantized",        "naive-quantized",
    "pack-quantized", "nvfp4-pack-quantized", "mxfp4-pack-quantized", "mxfp8-quantized",
    "mixed-precision"};

void read_block(ConfigReader& weights, Group& group) {
  group.strategy =
      one_of(weights, "strategy", "", {"", "tensor", "channel", "group", "block", "tensor_group"});
  const int64_t size = weights.integer("group_size", -1, -1, kSizeLimit, Null::kMeansAbsent);
  std::vector<double> sides;
  weights.touch("block_structure");
  if (weights.has("block_structure")) sides = weights.numbers("block_structure");
  if (group.strategy.empty())
    group.strategy = size > 0                                  ? "group"
                     : size == -1 && weights.has("group_size") ? "channel"
                                                               : "tensor";
  if (group.strategy == "channel") group.block = {.rows = 1};
  if (group.strategy == "group" || group.strategy == "tensor_group") {
    if (size <= 0)
      weights.refuse("group_size", "is missing or not positive", "state the group's size");
    group.block = {.rows = 1, .columns = size};
  }
  if (group.strategy == "block") {
    if (sides.size() != 2 ||
        !(sides[0] >= 1 && sides[1] >= 1 && sides[0] < 1e9 && sides[1] < 1e9)) {
      weights.refuse("block_structure", "is not two sizes", "write [128, 128]");
    }
    group.block = {.rows = static_cast<int64_t>(sides[0]),
                   .columns = static_cast<int64_t>(sides[1])};
  }
}

// What an engine does to activations is its contract: null where nothing.
base::Json activations(ConfigReader& group, std::string_view key) {
  group.touch(key);
  if (!group.has(key)) return nullptr;
  const base::Json& value = group.json().at(std::string(key));
  if (!value.is_object()) {
    group.refuse(key, "is no JSON object", "write {\"num_bits\": 8, ...}, or null");
  }
  return value;
}

// A group that is alone means every quantised module: its targets are not looked into.
Group read_group(ConfigReader& config, const std::string& format, bool alone) {
  const std::vector<std::string> targets = config.texts("targets");
  Group group{.targets = Targets(config, "targets", alone ? std::vector<std::string>() : targets),
              .format = {},
              .strategy = {},
              .block = {},
              .operand = std::nullopt};
  group.format = one_of(config, "format", format, kFormats);
  const base::Json inputs = activations(config, "input_activations");
  group.operand = read_activations(inputs);
  const base::Json dynamic = inputs.is_object() ? inputs.value("dynamic", base::Json()) : nullptr;
  group.static_operand = dynamic.is_null() || dynamic == false;
  activations(config, "output_activations");
  config.touch("weights");
  if (config.has("weights")) {
    ConfigReader weights = config.object("weights");
    group.bits = static_cast<int>(weights.integer("num_bits", 8, 1, 8));
    one_of(weights, "type", "int", {"int", "float"});
    group.symmetric = weights.flag("symmetric", true);
    read_block(weights, group);
    for (const auto* key : {"actorder", "scale_dtype", "zp_dtype", "observer", "observer_kwargs",
                            "dynamic", "is_mse"}) {
      weights.touch(key);
    }
    if (weights.has("dynamic") && weights.json().at("dynamic") != false) {
      weights.refuse("dynamic", "is set for weights",
                     "stored weights are quantised once: write false");
    }
    weights.finish({}, {});
  }
  config.finish({}, {});
  return group;
}

class Groups {
 public:
  Groups(ConfigReader& config, const std::string& format) {
    ConfigReader groups = config.object("config_groups");
    if (groups.json().size() > kMostRules) {
      config.refuse("config_groups", "holds " + std::to_string(groups.json().size()) + " groups",
                    "at most " + std::to_string(kMostRules) + " are read");
    }
    for (const auto& [name, json] : groups.json().items()) {
      ConfigReader group = groups.object(name);
      groups_.push_back(read_group(group, format, groups.json().size() == 1));
    }
  }

  // The group whose targets mean the module most closely; the only one where there is one alone.
  const Group& of(const std::string& module, const RawTensor& weight) const {
    if (groups_.size() == 1) return groups_.front();
    const auto best =
        std::max_element(groups_.begin(), groups_.end(), [&](const Group& a, const Group& b) {
          return a.targets.closeness(module) < b.targets.closeness(module);
        });
    if (best != groups_.end() && best->targets.closeness(module) != Closeness::kNot) return *best;
    throw base::InputError(weight.file, weight.name,
                           "is quantised, and no group of config_groups targets its module",
                           "name it in a group's targets");
  }

 private:
  std::vector<Group> groups_;
};

std::shared_ptr<StoredForm> open_bytes(const RawTensor& weight, const RawTensor& scale,
                                       const RawTensor* zero, const Group& group) {
  const Numbers scales(scale, {"F32", "BF16", "F16", "E8M0"});
  std::optional<Numbers> zeros;
  if (zero != nullptr)
    zeros.emplace(*zero, std::initializer_list<std::string_view>{"I8", "I32", "F8_E4M3", "BF16",
                                                                 "F32", "F16"});
  const std::string kind = weight.dtype == "I8" ? "int" : "fp";
  return std::make_shared<ScaledBytes>(
      weight, scales, zeros, group.block,
      kind + std::to_string(group.bits) + ", a scale a " + group.strategy);
}

std::vector<int64_t> read_shape(const RawTensor& stated, const RawTensor& weight) {
  const Numbers extents(stated, {"I64", "I32"});
  require_count(stated, 2, weight);
  // The words bound what a row may hold, before anything is multiplied.
  const double rows = extents[0];
  const double columns = extents[1];
  const bool fits = rows == static_cast<double>(weight.shape.front()) && columns >= 1 &&
                    columns <= static_cast<double>(weight.bytes.size()) * 8;
  if (!fits) {
    throw base::InputError(stated.file, stated.name, "does not fit " + weight.name,
                           "which has shape " + show(weight.shape));
  }
  return {static_cast<int64_t>(rows), static_cast<int64_t>(columns)};
}

std::shared_ptr<StoredForm> open_packed_ints(const RawTensor& weight, const RawTensor& scale,
                                             const RawTensor& stated, const RawTensor* zero,
                                             const RawTensor* index, const Group& group) {
  const std::vector<int64_t> shape = read_shape(stated, require_rank(weight, 2, 2));
  if (group.strategy != "group" && group.strategy != "channel") {
    throw base::InputError(weight.file, weight.name,
                           "is packed with the strategy " + group.strategy,
                           "pack-quantized knows group and channel");
  }
  const int64_t size = group.block.columns == 0 ? shape[1] : group.block.columns;
  PackedInts::Tensors tensors{.packed = weight,
                              .scales = Numbers(scale, {"F32", "BF16", "F16"}),
                              .zeros = std::nullopt,
                              .groups = std::nullopt};
  if (zero != nullptr) tensors.zeros = *zero;
  if (index != nullptr)
    tensors.groups.emplace(*index, std::initializer_list<std::string_view>{"I32", "I64"});
  return std::make_shared<PackedInts>(std::move(tensors), shape, group.bits, size,
                                      "packed int" + std::to_string(group.bits) + ", a scale a " +
                                          group.strategy + (index != nullptr ? ", g_idx" : ""));
}

std::shared_ptr<StoredForm> open_fp4(const RawTensor& weight, const RawTensor& scale,
                                     const RawTensor* global) {
  std::vector<int64_t> shape = require_rank(require_dtype(weight, "U8"), 2, 3).shape;
  shape.back() *= 2;
  if (global == nullptr) {
    return std::make_shared<ScaledFp4>(weight, shape, Numbers(scale, {"E8M0"}), std::nullopt, 32,
                                       "mxfp4");
  }
  return std::make_shared<ScaledFp4>(
      weight, shape, Numbers(scale, {"F8_E4M3"}),
      ScaledFp4::Global{.scale = Numbers(*global, {"F32"}), .divides = true}, 16,
      "nvfp4, divided by a global scale");
}

void add_runtime(const Resolution& tensors, const std::string& stem,
                 std::vector<const RawTensor*>& parts) {
  const auto runtime = runtime_parts(tensors, stem);
  parts.insert(parts.end(), runtime.begin(), runtime.end());
}

Operand operand_of(const Resolution& tensors, const std::string& stem, const Group& group) {
  return with_scales(group.operand, tensors, stem, group.static_operand);
}

void add_packed(Resolution& tensors, const std::string& stem, const Groups& groups) {
  const RawTensor& weight = *tensors.find(stem + ".weight_packed");
  const RawTensor& scale = tensors.need(stem + ".weight_scale", weight);
  if (weight.dtype == "U8") {
    const bool mx = scale.dtype == "U8" || scale.dtype == "F8_E8M0";
    const RawTensor* global = mx ? nullptr : &tensors.need(stem + ".weight_global_scale", weight);
    std::vector<const RawTensor*> parts = {&weight, &scale, global};
    add_runtime(tensors, stem, parts);
    const Operand operand = operand_of(tensors, stem, groups.of(stem, weight));
    tensors.add(stem + ".weight", parts, [&weight, &scale, global, operand] {
      return beside(operand, open_fp4(weight, scale, global));
    });
    return;
  }
  const Group& group = groups.of(stem, weight);
  const Operand operand = operand_of(tensors, stem, group);
  const RawTensor& shape = tensors.need(stem + ".weight_shape", weight);
  const RawTensor* zero = tensors.find(stem + ".weight_zero_point");
  const RawTensor* index = tensors.find(stem + ".weight_g_idx");
  if (!group.symmetric) zero = &tensors.need(stem + ".weight_zero_point", weight);
  std::vector<const RawTensor*> parts = {&weight, &scale, &shape, zero, index};
  add_runtime(tensors, stem, parts);
  tensors.add(stem + ".weight", parts, [&weight, &scale, &shape, zero, index, group, operand] {
    return beside(operand, open_packed_ints(weight, scale, shape, zero, index, group));
  });
}

void add_bytes(Resolution& tensors, const std::string& stem, const Groups& groups) {
  const RawTensor& weight = *tensors.find(stem + ".weight");
  if (weight.dtype != "I8" && weight.dtype != "F8_E4M3") return;
  const Group& group = groups.of(stem, weight);
  const RawTensor& scale = tensors.need(stem + ".weight_scale", weight);
  const RawTensor* zero = tensors.find(stem + ".weight_zero_point");
  if (!group.symmetric) zero = &tensors.need(stem + ".weight_zero_point", weight);
  std::vector<const RawTensor*> parts = {&weight, &scale, zero};
  add_runtime(tensors, stem, parts);
  const Operand operand = operand_of(tensors, stem, group);
  tensors.add(stem + ".weight", parts, [&weight, &scale, zero, group, operand] {
    return beside(operand, open_bytes(weight, scale, zero, group));
  });
}

// What changes weights beyond their own bytes: sparsity masks, rotations.
void refuse_unless_empty(ConfigReader& config, const char* key) {
  config.touch(key);
  if (!config.has(key)) return;
  const base::Json& value = config.json().at(key);
  const bool dense =
      value.is_object() && (value.empty() || value.value("format", base::Json()) == "dense");
  if (!dense) config.refuse(key, "is not supported", "take the checkpoint without it");
}

}  // namespace

void resolve_compressed_tensors(ConfigReader& config, Resolution& tensors) {
  const std::string format = one_of(config, "format", "dense", kFormats);
  for (const auto* key :
       {"quantization_status", "global_compression_ratio", "version", "run_compressed",
        "dequantize", "kv_cache_scheme", "use_optimized_inference"}) {
    config.touch(key);
  }
  refuse_unless_empty(config, "sparsity_config");
  refuse_unless_empty(config, "transform_config");
  refuse_unless_empty(config, "moe_sparsity_config");
  skip_module_list(config, "ignore");
  const Groups groups(config, format);
  for (const std::string& stem : tensors.stems(".weight_packed")) add_packed(tensors, stem, groups);
  for (const std::string& stem : tensors.stems(".weight")) add_bytes(tensors, stem, groups);
  add_cache_scales(tensors);
}

}  // namespace plumb::model
