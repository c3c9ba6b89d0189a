// Which modules a list of targets means: exact names, "re:" and a regular expression that matches
// from the name's beginning, or a class of modules.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "model/config_reader.h"

namespace plumb::model {

// A regular expression as Python's re.match applies it, as far as POSIX's extended ones say the
// same: matching takes time in proportion to the name, whatever the expression.
class Pattern {
 public:
  // Throws InputError naming `key` for what is no such expression: lookaheads, back references.
  Pattern(const ConfigReader& config, std::string_view key, const std::string& expression);
  bool matches(const std::string& name) const;

 private:
  std::shared_ptr<void> compiled_;
};

// How closely a target means a module: by its name before by an expression before by its class.
enum class Closeness : uint8_t { kNot, kClass, kExpression, kName };

// More groups or expressions than that are no model's, and would be tried on every tensor.
inline constexpr size_t kMostRules = 512;

class Targets {
 public:
  Targets(const ConfigReader& config, std::string_view key, const std::vector<std::string>& texts);
  Closeness closeness(const std::string& module) const;

 private:
  std::set<std::string> names_;
  std::vector<Pattern> patterns_;
  bool every_linear_ = false;
};

}  // namespace plumb::model
