// quant_method auto-round: GPTQ's form or AWQ's, as packing_format says.
// Source: auto-round's packing formats (auto_gptq: version 1; auto_round, gptqmodel: version 2).
#include <map>

#include "model/weights/methods/method.h"
#include "model/weights/methods/packed_words.h"

namespace plumb::model {
namespace {

// How the rounding was tuned, and what engines do to activations.
constexpr std::string_view kTuning[] = {"autoround_version",
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
                                        "not_use_best_mse"};

// Modules with numbers of their own; those of 16 bits and more are plain, which their tensors show.
std::map<std::string, Gptq::Options> read_own(ConfigReader& config, const Gptq::Options& usual) {
  std::map<std::string, Gptq::Options> own;
  config.touch("extra_config");
  if (config.has("extra_config")) {
    ConfigReader extra = config.object("extra_config");
    for (const auto& [module, json] : extra.json().items()) {
      ConfigReader rule = extra.object(module);
      if (rule.has("bits") && rule.integer("bits", 16, 1, 32) >= 16) continue;  // plain
      Gptq::Options options = usual;
      options.bits = read_packed_bits(rule, usual.bits);
      options.group = read_packed_group(rule, "group_size", usual.group == 0 ? -1 : usual.group);
      options.symmetric = rule.flag("sym", usual.symmetric);
      own.emplace(module, options);
    }
  }
  return own;
}

}  // namespace

void resolve_auto_round(ConfigReader& config, Resolution& tensors) {
  const char* stated = config.has("packing_format") ? "packing_format" : "backend";
  const std::string packing =
      one_of(config, stated, "auto_round:auto_gptq",
             {"auto_round:auto_gptq", "auto_round:gptq", "auto_round", "auto_round:gptqmodel",
              "auto_round:auto_awq", "auto_round:awq", "auto"});
  config.touch("packing_format");
  config.touch("backend");
  one_of(config, "data_type", "int", {"int"});
  Gptq::Options usual;
  usual.bits = read_packed_bits(config, 4);
  usual.group = read_packed_group(config, "group_size", 128);
  usual.symmetric = config.has("sym") && config.flag("sym", true);
  usual.version_1 =
      packing == "auto_round:auto_gptq" || packing == "auto_round:gptq" || packing == "auto";
  const bool awq = packing.ends_with("awq");
  if (awq && usual.bits != 4) config.refuse("bits", "is not 4", "AWQ packs 4 bits");
  for (const std::string_view key : kTuning) config.touch(key);
  const std::map<std::string, Gptq::Options> own = read_own(config, usual);
  for (const std::string& stem : tensors.stems(".qweight")) {
    const auto found = own.find(stem);
    const Gptq::Options& options = found == own.end() ? usual : found->second;
    awq ? add_awq(tensors, stem, options.group) : add_gptq(tensors, stem, options);
  }
}

}  // namespace plumb::model
