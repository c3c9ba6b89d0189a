// What is wrong with a config, all at once.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "model/config_reader.h"
#include "model/spec.h"

namespace plumb::model {

// Reads a config, or throws ConfigRefusal; keys that must not pass go to the allowance's problems.
using ReadConfig = std::function<Spec(const base::Json&, Allowance&)>;

// All that is wrong with `config`, beginning with the refusal at which reading ended. Reading goes
// on without the refused keys; what is then found counts where it is wrong whatever else the config
// says, so that no problem is told which another one brought about.
std::vector<Problem> all_problems(const base::Json& config, const ConfigRefusal& first,
                                  const std::set<std::string>& allowed_keys,
                                  const ReadConfig& read);

// Throws InputError, one line with every problem.
[[noreturn]] void refuse_all(const std::string& where, const std::vector<Problem>& problems);

}  // namespace plumb::model
