#include "model/weights/methods/method.h"

#include <algorithm>

namespace plumb::model {

void skip_module_list(ConfigReader& config, std::string_view key) {
  if (config.has(key)) config.texts(key);
  config.touch(key);
}

std::string one_of(ConfigReader& config, std::string_view key, std::string_view fallback,
                   std::initializer_list<std::string_view> values) {
  const std::string value = config.text(key, fallback, Null::kMeansAbsent);
  if (std::find(values.begin(), values.end(), value) != values.end()) return value;
  std::string known;
  for (const std::string_view name : values) {
    known += (known.empty() ? "" : ", ") + std::string(name);
  }
  config.refuse(key, "is '" + value + "', which is not supported", "known: " + known);
}

std::vector<const RawTensor*> runtime_parts(const Resolution& tensors, const std::string& stem) {
  static constexpr std::string_view kSuffixes[] = {
      ".input_scale",      ".input_global_scale", ".input_zero_point",
      ".input_scale_ub",   ".output_scale",       ".output_zero_point",
      ".activation_scale", ".qscale_act",         ".k_scale",
      ".v_scale",          ".kv_scale",           ".act_scale"};
  std::vector<const RawTensor*> parts;
  for (const std::string_view suffix : kSuffixes) {
    if (const RawTensor* tensor = tensors.find(stem + std::string(suffix))) parts.push_back(tensor);
  }
  return parts;
}

void add_cache_scales(Resolution& tensors) {
  for (const std::string suffix : {".k_scale", ".v_scale", ".q_scale", ".kv_scale", ".k_zero_point",
                                   ".v_zero_point", ".prob_output_scale"}) {
    for (const std::string& stem : tensors.stems(suffix)) {
      tensors.add_runtime(*tensors.find(stem + suffix),
                          "a scale of an engine's attention or cache");
    }
  }
}

}  // namespace plumb::model
