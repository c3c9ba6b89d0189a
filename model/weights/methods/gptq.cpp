// quant_method gptq, with the config in config.json or quantize_config.json:
//   <m>.qweight, .qzeros, .scales, .g_idx
// and auto-round, which writes GPTQ's form, AWQ's or compressed-tensors'.
// Source: GPTQModel 7.7, quantization/config.py; AutoGPTQ 0.7.1; auto-round's packing formats.
#include "model/weights/gptq.h"

#include <algorithm>

#include "model/weights/awq.h"
#include "model/weights/methods/method.h"
#include "model/weights/methods/targets.h"

namespace plumb::model {
namespace {

constexpr int64_t kGroupLimit = int64_t{1} << 30;

int read_bits(ConfigReader& config, int fallback) {
  const int64_t bits = config.integer("bits", fallback, 2, 8);
  if (bits != 2 && bits != 3 && bits != 4 && bits != 8) {
    config.refuse("bits", "is " + std::to_string(bits), "GPTQ packs 2, 3, 4 or 8 bits");
  }
  return static_cast<int>(bits);
}

// -1: one group, for which 0 stands.
int64_t read_group_size(ConfigReader& config, int64_t fallback) {
  const int64_t size = config.integer("group_size", fallback, -1, kGroupLimit);
  if (size == 0) config.refuse("group_size", "is 0", "write a size, or -1 for one group");
  return std::max<int64_t>(size, 0);
}

// Modules that `dynamic` gives other numbers: the first expression that matches applies.
struct Override {
  Pattern pattern;
  Gptq::Options options;
};

std::vector<Override> read_dynamic(ConfigReader& config, const Gptq::Options& usual) {
  std::vector<Override> overrides;
  config.touch("dynamic");
  if (!config.has("dynamic") || config.json().at("dynamic") == false) return overrides;
  ConfigReader rules = config.object("dynamic");
  for (const auto& [expression, json] : rules.json().items()) {
    if (expression.starts_with("-:")) continue;  // plain: its tensors show it
    ConfigReader rule = rules.object(expression);
    Gptq::Options options = usual;
    options.bits = read_bits(rule, usual.bits);
    options.group = read_group_size(rule, usual.group == 0 ? -1 : usual.group);
    options.symmetric = rule.flag("sym", usual.symmetric);
    rule.touch("desc_act");
    overrides.push_back({Pattern(config, "dynamic",
                                 expression.starts_with("+:") ? expression.substr(2) : expression),
                         options});
  }
  return overrides;
}

void add(Resolution& tensors, const std::string& stem, const Gptq::Options& options) {
  const RawTensor& weight = *tensors.find(stem + ".qweight");
  const RawTensor& zeros = tensors.need(stem + ".qzeros", weight);
  const RawTensor& scales = tensors.need(stem + ".scales", weight);
  const RawTensor* index = tensors.find(stem + ".g_idx");
  tensors.add(
      stem + ".weight", {&weight, &zeros, &scales, index},
      [&weight, &zeros, &scales, index, options] {
        Gptq::Tensors parts{.weight = weight,
                            .zeros = zeros,
                            .scales = Numbers(scales, {"F16", "BF16", "F32"}),
                            .groups = std::nullopt};
        if (index != nullptr) {
          parts.groups.emplace(*index, std::initializer_list<std::string_view>{"I32", "I64"});
        }
        return std::make_shared<Gptq>(std::move(parts), options);
      });
}

void add_awq(Resolution& tensors, const std::string& stem, int64_t group) {
  const RawTensor& weight = *tensors.find(stem + ".qweight");
  const RawTensor& zeros = tensors.need(stem + ".qzeros", weight);
  const RawTensor& scales = tensors.need(stem + ".scales", weight);
  tensors.add(stem + ".weight", {&weight, &zeros, &scales}, [&weight, &zeros, &scales, group] {
    return std::make_shared<Awq>(
        Awq::Tensors{weight, zeros, Numbers(scales, {"F16", "BF16", "F32"})}, group);
  });
}

// How the calibration went, and what tools keep for themselves.
void touch_bookkeeping(ConfigReader& config) {
  for (const auto* key : {"damp_percent",
                          "damp_auto_increment",
                          "static_groups",
                          "true_sequential",
                          "mse",
                          "meta",
                          "model_name_or_path",
                          "model_file_base_name",
                          "tokenizer",
                          "dataset",
                          "use_cuda_fp16",
                          "use_exllama",
                          "exllama_config",
                          "disable_exllama",
                          "max_input_length",
                          "batch_size",
                          "pad_token_id",
                          "model_seqlen",
                          "block_name_to_quantize",
                          "cache_block_outputs",
                          "module_name_preceding_first_block",
                          "act_group_aware",
                          "backend",
                          "quantize_method",
                          "method",
                          "lm_head",
                          "offload_to_disk",
                          "hyb_act",
                          "quant_type",
                          "modules_in_block_to_quantize",
                          "inside_layer_modules",
                          "v2",
                          "v2_alpha",
                          "gptaq",
                          "foem",
                          "device",
                          "dtype",
                          "pack_impl"}) {
    config.touch(key);
  }
}

}  // namespace

void resolve_gptq(ConfigReader& config, Resolution& tensors) {
  Gptq::Options usual;
  usual.bits = read_bits(config, 4);
  usual.group = read_group_size(config, 128);
  usual.symmetric = config.flag("sym", true);
  config.flag("desc_act", false, Null::kMeansAbsent);
  const std::string stated = config.has("checkpoint_format") ? "checkpoint_format" : "format";
  config.touch("checkpoint_format");
  config.touch("format");
  usual.version_1 = one_of(config, stated, "gptq", {"gptq", "gptq_v2"}) == "gptq";
  one_of(config, "pack_dtype", "int32", {"int32", "torch.int32"});
  config.touch("is_marlin_format");
  if (config.has("is_marlin_format") && config.flag("is_marlin_format", false)) {
    config.refuse("is_marlin_format", "is true, which is another layout", "use the form gptq");
  }
  const std::vector<Override> overrides = read_dynamic(config, usual);
  touch_bookkeeping(config);
  for (const std::string& stem : tensors.stems(".qweight")) {
    const auto own = std::find_if(overrides.begin(), overrides.end(),
                                  [&](const Override& o) { return o.pattern.matches(stem); });
    add(tensors, stem, own == overrides.end() ? usual : own->options);
  }
}

void resolve_awq(ConfigReader& config, Resolution& tensors) {
  const char* bits = config.has("w_bit") ? "w_bit" : "bits";
  const char* group = config.has("q_group_size") ? "q_group_size" : "group_size";
  if (config.integer(bits, 4, 1, 8) != 4) config.refuse(bits, "is not 4", "AWQ packs 4 bits");
  const int64_t size = config.integer(group, 128, -1, kGroupLimit);
  if (size == 0) config.refuse(group, "is 0", "write a size, or -1 for one group");
  config.flag("zero_point", true);
  const char* version = config.has("version") ? "version" : "format";
  one_of(config, version, "gemm", {"gemm", "GEMM"});
  for (const auto* key : {"bits", "w_bit", "group_size", "q_group_size", "version", "format",
                          "backend", "do_fuse", "fuse_max_seq_len", "modules_to_fuse",
                          "exllama_config", "checkpoint_format", "sym", "desc_act"}) {
    config.touch(key);
  }
  touch_bookkeeping(config);
  skip_module_list(config, "modules_to_not_convert");
  for (const std::string& stem : tensors.stems(".qweight")) {
    add_awq(tensors, stem, std::max<int64_t>(size, 0));
  }
}

void resolve_auto_round(ConfigReader& config, Resolution& tensors) {
  const char* key = config.has("packing_format") ? "packing_format" : "backend";
  const std::string packing =
      one_of(config, key, "auto_round:auto_gptq",
             {"auto_round:auto_gptq", "auto_round:gptq", "auto_round", "auto_round:gptqmodel",
              "auto_round:auto_awq", "auto_round:awq", "auto"});
  config.touch("packing_format");
  config.touch("backend");
  one_of(config, "data_type", "int", {"int"});
  Gptq::Options usual;
  usual.bits = read_bits(config, 4);
  usual.group = read_group_size(config, 128);
  usual.symmetric = config.flag("sym", true);
  usual.version_1 =
      packing == "auto_round:auto_gptq" || packing == "auto_round:gptq" || packing == "auto";
  const bool awq = packing.ends_with("awq");
  if (awq && usual.bits != 4) config.refuse("bits", "is not 4", "AWQ packs 4 bits");
  for (const auto* inert : {"autoround_version",
                            "iters",
                            "lr",
                            "minmax_lr",
                            "nsamples",
                            "seqlen",
                            "low_gpu_mem_usage",
                            "enable_quanted_input",
                            "enable_minmax_tuning",
                            "batch_size",
                            "scale_dtype",
                            "dataset",
                            "amp",
                            "gradient_accumulate_steps",
                            "block_name_to_quantize",
                            "to_quant_block_names",
                            "act_bits",
                            "act_data_type",
                            "act_dynamic",
                            "act_group_size",
                            "act_sym",
                            "super_bits",
                            "super_group_size",
                            "enable_norm_bias_tuning",
                            "enable_torch_compile",
                            "not_use_best_mse"}) {
    config.touch(inert);
  }
  std::map<std::string, Gptq::Options> own;
  config.touch("extra_config");
  if (config.has("extra_config")) {
    ConfigReader extra = config.object("extra_config");
    for (const auto& [module, json] : extra.json().items()) {
      ConfigReader rule = extra.object(module);
      if (rule.has("bits") && rule.integer("bits", 16, 1, 32) >= 16) continue;  // plain
      Gptq::Options options = usual;
      options.bits = read_bits(rule, usual.bits);
      options.group = read_group_size(rule, usual.group == 0 ? -1 : usual.group);
      options.symmetric = rule.flag("sym", usual.symmetric);
      own.emplace(module, options);
    }
  }
  for (const std::string& stem : tensors.stems(".qweight")) {
    const auto found = own.find(stem);
    const Gptq::Options& options = found == own.end() ? usual : found->second;
    awq ? add_awq(tensors, stem, options.group) : add(tensors, stem, options);
  }
}

}  // namespace plumb::model
