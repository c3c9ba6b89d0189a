#include "model/config_problems.h"

#include <optional>

namespace plumb::model {
namespace {

using base::Json;

constexpr size_t kMostTold = 24;

// The object that holds the last part of `path`; null where there is none.
Json* holder_of(Json& config, const std::vector<std::string>& path) {
  Json* at = &config;
  for (size_t i = 0; i + 1 < path.size(); ++i) {
    if (!at->is_object() || !at->contains(path[i])) return nullptr;
    at = &(*at)[path[i]];
  }
  return at->is_object() && at->contains(path.back()) ? at : nullptr;
}

// A config that states nothing but the types of its models, and the value at `path`.
Json alone(const Json& config, const std::vector<std::string>& path) {
  Json result = Json::object();
  Json* to = &result;
  const Json* from = &config;
  for (const std::string& part : path) {
    if (from->contains("model_type")) (*to)["model_type"] = from->at("model_type");
    to = &(*to)[part];
    from = &from->at(part);
  }
  *to = *from;
  return result;
}

std::optional<ConfigRefusal> refusal_of(const ReadConfig& read, const Json& config,
                                        Allowance& allowance) {
  try {
    read(config, allowance);
  } catch (const ConfigRefusal& refusal) {
    return refusal;
  }
  return std::nullopt;
}

bool stands_alone(const Json& config, const ConfigRefusal& refusal, const ReadConfig& read) {
  Allowance allowance;
  const auto again = refusal_of(read, alone(config, refusal.problem().path), allowance);
  return again && std::string_view(again->what()) == refusal.what();
}

}  // namespace

std::vector<Problem> all_problems(const Json& config, const ConfigRefusal& first,
                                  const std::set<std::string>& allowed_keys,
                                  const ReadConfig& read) {
  std::vector<Problem> problems = {first.problem()};
  Json rest = config;
  while (problems.size() < kMostTold) {
    const std::vector<std::string>& path = problems.back().path;
    Json* holder = holder_of(rest, path);
    if (holder == nullptr) return problems;
    holder->erase(path.back());
    Allowance allowance{.keys = allowed_keys};
    const auto next = refusal_of(read, rest, allowance);
    if (!next) {
      problems.insert(problems.end(), allowance.problems.begin(), allowance.problems.end());
      return problems;
    }
    if (holder_of(rest, next->problem().path) == nullptr) return problems;
    if (!stands_alone(rest, *next, read)) return problems;
    problems.push_back(next->problem());
  }
  return problems;
}

void refuse_all(const std::string& where, const std::vector<Problem>& problems) {
  std::string line;
  std::set<std::string> told;
  for (const Problem& one : problems) {
    if (told.size() == kMostTold || !told.insert(one.key()).second) continue;
    const base::InputError error(line.empty() ? where : "", one.key(), one.problem, one.mend);
    line += (line.empty() ? "" : " | ") + std::string(error.what());
  }
  throw base::InputError(line);
}

}  // namespace plumb::model
