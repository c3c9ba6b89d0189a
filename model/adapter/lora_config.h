// What an adapter_config.json says: which modules are adapted, by which rank and factor.
// Source: PEFT 0.21, tuners/lora/config.py, tuners_utils.py (check_target_module_exists),
// utils/other.py (get_pattern_key).
#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "model/config_reader.h"
#include "model/weights/methods/targets.h"

namespace plumb::model {

class LoraConfig {
 public:
  // Throws InputError for another kind of adapter, and for a key that changes the maths and is not
  // read.
  explicit LoraConfig(const std::filesystem::path& file);

  bool targets(const std::string& module) const;
  // Is the module, or one that it is part of, saved whole?
  bool saves(const std::string& module) const;
  int64_t rank(const std::string& module) const;
  // s of W + s B A.
  double factor(const std::string& module) const;

  const std::string& file() const { return file_; }
  // Names of target_modules and modules_to_save, each of which must be found; an expression is one.
  const std::vector<std::string>& named_targets() const { return named_targets_; }
  const std::vector<std::string>& saved() const { return saved_; }
  // Can the targets be told from modules' names? all-linear means classes.
  bool targets_are_named() const { return !all_linear_; }
  bool uses_dora() const { return dora_; }
  bool has_bias() const { return lora_bias_; }       // of B
  const std::string& bias() const { return bias_; }  // none, all, lora_only

 private:
  // Names of modules, each the whole name or its end; or an expression for whole names.
  struct Modules {
    std::vector<std::string> names;
    std::optional<Pattern> expression;

    bool contain(const std::string& module) const;
  };
  using Numbers = std::vector<std::pair<Pattern, double>>;

  void read_targets(ConfigReader& config);
  void read_layers(ConfigReader& config);
  static Modules read_modules(ConfigReader& config, std::string_view key);
  static Numbers read_pattern(ConfigReader& config, std::string_view key);
  bool is_in_layers(const std::string& module) const;

  std::string file_;
  int64_t rank_ = 8;
  double alpha_ = 8.0;
  bool rslora_ = false;
  bool dora_ = false;
  bool lora_bias_ = false;
  bool all_linear_ = false;
  std::string bias_;
  Modules targets_;
  Modules excluded_;
  std::vector<std::string> named_targets_;
  std::vector<std::string> saved_;
  std::optional<std::set<int64_t>> layers_;
  std::vector<std::string> layers_pattern_;
  Numbers ranks_;
  Numbers alphas_;
};

}  // namespace plumb::model
