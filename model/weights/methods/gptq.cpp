// quant_method gptq, with the config in config.json or quantize_config.json:
//   <m>.qweight, .qzeros, .scales, .g_idx
// Source: GPTQModel 7.7, quantization/config.py; AutoGPTQ 0.7.1.
#include <algorithm>

#include "model/weights/methods/method.h"
#include "model/weights/methods/packed_words.h"
#include "model/weights/methods/targets.h"

namespace plumb::model {
namespace {

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
  if (rules.json().size() > kMostRules) {
    config.refuse("dynamic", "holds " + std::to_string(rules.json().size()) + " expressions",
                  "at most " + std::to_string(kMostRules) + " are read");
  }
  for (const auto& [expression, json] : rules.json().items()) {
    if (expression.starts_with("-:")) continue;  // plain: its tensors show it
    ConfigReader rule = rules.object(expression);
    Gptq::Options options = usual;
    options.bits = read_packed_bits(rule, usual.bits);
    options.group = read_packed_group(rule, "group_size", usual.group == 0 ? -1 : usual.group);
    options.symmetric = rule.flag("sym", usual.symmetric);
    rule.touch("desc_act");
    overrides.push_back({Pattern(config, "dynamic",
                                 expression.starts_with("+:") ? expression.substr(2) : expression),
                         options});
  }
  return overrides;
}

}  // namespace

void resolve_gptq(ConfigReader& config, Resolution& tensors) {
  Gptq::Options usual;
  usual.bits = read_packed_bits(config, 4);
  usual.group = read_packed_group(config, "group_size", 128);
  usual.symmetric = config.has("sym") && config.flag("sym", true);
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
    add_gptq(tensors, stem, own == overrides.end() ? usual : own->options);
  }
}

}  // namespace plumb::model
