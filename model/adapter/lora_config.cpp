#include "model/adapter/lora_config.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/errors.h"

namespace plumb::model {
namespace {

constexpr int64_t kLargestRank = int64_t{1} << 20;

// They say how an adapter was trained, or where it came from.
constexpr std::string_view kWithoutEffect[] = {
    "peft_type",        "task_type",      "base_model_name_or_path",
    "revision",         "inference_mode", "auto_mapping",
    "peft_version",     "lora_dropout",   "loftq_config",
    "eva_config",       "megatron_core",  "megatron_config",
    "runtime_config",   "fan_in_fan_out",  // of a Linear PEFT sets it to false
    "qalora_group_size"};

// Initialisations after which the base model is another one than the checkpoint.
constexpr std::string_view kChangeTheBase[] = {"pissa", "olora", "corda", "loftq", "lora_ga"};

bool is_empty(const base::Json& value) {
  return value.is_null() || value == false || (value.is_structured() && value.empty()) ||
         (value.is_string() && value.get<std::string>().empty());
}

bool is_or_ends_with(const std::string& module, const std::string& name) {
  return module == name || module.ends_with("." + name);
}

void check_start(ConfigReader& config) {
  const std::string key = "init_lora_weights";
  config.touch(key);
  if (!config.has(key) || !config.json().at(key).is_string()) return;
  const auto start = config.json().at(key).get<std::string>();
  for (const std::string_view one : kChangeTheBase) {
    if (start.starts_with(one)) {
      config.refuse(key, "is " + start + ", which changes the base model's weights",
                    "save it with path_initial_model_for_weight_conversion, or merge it");
    }
  }
}

void refuse_rest(const ConfigReader& config, const std::set<std::string_view>& read) {
  for (const auto& [key, value] : config.json().items()) {
    if (read.contains(key) || is_empty(value)) continue;
    config.refuse(key, "is not supported", "merge the adapter, or leave the key out");
  }
}

}  // namespace

LoraConfig::LoraConfig(const std::filesystem::path& file) : file_(file.string()) {
  const base::Json json = base::read_json_file(file);
  ConfigReader config(json, file_);
  const std::string type = config.text("peft_type", "");
  if (type != "LORA") {
    config.refuse("peft_type", type.empty() ? "is missing" : "is " + type, "only LORA is read");
  }
  rank_ = config.integer("r", 8, 1, kLargestRank);
  alpha_ = config.number("lora_alpha", 8.0);
  rslora_ = config.flag("use_rslora", false);
  dora_ = config.flag("use_dora", false);
  lora_bias_ = config.flag("lora_bias", false);
  bias_ = config.text("bias", "none");
  if (bias_ != "none" && bias_ != "all" && bias_ != "lora_only") {
    config.refuse("bias", "is '" + bias_ + "'", "write none, all or lora_only");
  }
  check_start(config);
  read_targets(config);
  read_layers(config);
  ranks_ = read_pattern(config, "rank_pattern");
  alphas_ = read_pattern(config, "alpha_pattern");
  std::set<std::string_view> read = {"r",
                                     "lora_alpha",
                                     "use_rslora",
                                     "use_dora",
                                     "lora_bias",
                                     "bias",
                                     "target_modules",
                                     "exclude_modules",
                                     "init_lora_weights",
                                     "modules_to_save",
                                     "rank_pattern",
                                     "alpha_pattern",
                                     "layers_pattern",
                                     "layers_to_transform"};
  read.insert(std::begin(kWithoutEffect), std::end(kWithoutEffect));
  refuse_rest(config, read);
}

LoraConfig::Modules LoraConfig::read_modules(ConfigReader& config, std::string_view key) {
  Modules modules;
  config.touch(key);
  if (!config.has(key)) return modules;
  const base::Json& value = config.json().at(std::string(key));
  if (value.is_string()) {
    const auto expression = value.get<std::string>();
    modules.expression.emplace(config, key, "(" + expression + ")$");
  } else {
    modules.names = config.texts(key);
  }
  return modules;
}

bool LoraConfig::Modules::contain(const std::string& module) const {
  if (expression) return expression->matches(module);
  return std::ranges::any_of(
      names, [&](const std::string& name) { return is_or_ends_with(module, name); });
}

void LoraConfig::read_targets(ConfigReader& config) {
  if (!config.has("target_modules")) {
    config.refuse("target_modules", "is missing", "name the modules that are adapted");
  }
  const base::Json& targets = config.json().at("target_modules");
  all_linear_ = targets == "all-linear";
  if (!all_linear_) targets_ = read_modules(config, "target_modules");
  named_targets_ = targets_.names;
  excluded_ = read_modules(config, "exclude_modules");
  if (config.has("modules_to_save")) saved_ = config.texts("modules_to_save");
}

void LoraConfig::read_layers(ConfigReader& config) {
  if (config.has("layers_pattern")) {
    const base::Json& pattern = config.json().at("layers_pattern");
    layers_pattern_ = pattern.is_string() ? std::vector{pattern.get<std::string>()}
                                          : config.texts("layers_pattern");
    std::erase(layers_pattern_, "");
  }
  const std::string key = "layers_to_transform";
  if (!config.has(key)) return;
  const base::Json& value = config.json().at(key);
  const base::Json list = value.is_array() ? value : base::Json::array({value});
  for (const base::Json& layer : list) {
    if (!layer.is_number_unsigned()) config.refuse(key, "holds " + layer.dump(), "list layers");
    if (!layers_) layers_.emplace();
    layers_->insert(layer.get<int64_t>());
  }
}

LoraConfig::Numbers LoraConfig::read_pattern(ConfigReader& config, std::string_view key) {
  Numbers numbers;
  if (!config.has(key)) return numbers;
  ConfigReader patterns = config.object(key);
  if (patterns.json().size() > kMostRules) config.refuse(key, "holds too many patterns");
  for (const auto& [pattern, value] : patterns.json().items()) {
    numbers.emplace_back(Pattern(config, key, "(.*\\.)?(" + pattern + ")$"),
                         patterns.number(pattern, 0.0));
    const double number = numbers.back().second;
    if (key == "rank_pattern" &&
        !(number >= 1.0 && number <= kLargestRank && number == std::floor(number))) {
      patterns.refuse(pattern, "is " + value.dump(), "write a rank");
    }
  }
  return numbers;
}

bool LoraConfig::targets(const std::string& module) const {
  if (excluded_.contain(module) || saves(module)) return false;
  if (all_linear_) return true;
  if (!targets_.contain(module)) return false;
  const bool by_end =
      !targets_.expression && std::ranges::find(targets_.names, module) == targets_.names.end();
  return !by_end || is_in_layers(module);
}

// PEFT compares ends of names without regard to dots: "norm" saves every input_layernorm, too.
bool LoraConfig::saves(const std::string& module) const {
  return std::ranges::any_of(saved_, [&](const std::string& name) {
    return (module + ".").find(name + ".") != std::string::npos;
  });
}

// The first number in the name, after the pattern's word where there is one, is the layer's.
bool LoraConfig::is_in_layers(const std::string& module) const {
  if (!layers_) return true;
  std::string before;
  for (size_t begin = 0; begin <= module.size();) {
    const size_t end = std::min(module.find('.', begin), module.size());
    const std::string part = module.substr(begin, end - begin);
    int64_t layer = 0;
    const auto [next, error] = std::from_chars(part.data(), part.data() + part.size(), layer);
    const bool is_number = error == std::errc() && next == part.data() + part.size();
    if (is_number && (layers_pattern_.empty() ||
                      std::ranges::find(layers_pattern_, before) != layers_pattern_.end())) {
      return layers_->contains(layer);
    }
    before = part;
    begin = end + 1;
  }
  return false;
}

int64_t LoraConfig::rank(const std::string& module) const {
  for (const auto& [pattern, rank] : ranks_) {
    if (pattern.matches(module)) return static_cast<int64_t>(rank);
  }
  return rank_;
}

double LoraConfig::factor(const std::string& module) const {
  double alpha = alpha_;
  for (const auto& [pattern, value] : alphas_) {
    if (!pattern.matches(module)) continue;
    alpha = value;
    break;
  }
  const auto r = static_cast<double>(rank(module));
  return alpha / (rslora_ ? std::sqrt(r) : r);
}

}  // namespace plumb::model
