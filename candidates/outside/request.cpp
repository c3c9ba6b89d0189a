#include "candidates/outside/request.h"

#include "base/errors.h"

namespace plumb::candidates {
namespace {

using base::InputError;
using base::Json;

constexpr base::JsonLimits kLimits{.bytes = size_t{1} << 30, .values = 100'000'000};

// One key of a request, as the type that it has to be.
template <class T>
T get(const Json& json, const std::string& where, const char* key) {
  const auto found = json.find(key);
  if (found == json.end()) {
    throw InputError(where, key, "is missing", "docs/formats.md describes requests");
  }
  try {
    return found->get<T>();
  } catch (const Json::exception&) {
    throw InputError(where, key, "has another type than it should",
                     "docs/formats.md describes requests");
  }
}

}  // namespace

base::OrderedJson to_json(const Request& request) {
  base::OrderedJson json;
  json["schema"] = kRequestSchema;
  json["checkpoint"] = request.checkpoint.string();
  json["threads"] = request.threads;
  json["dtype"] = nullptr;
  if (request.dtype) json["dtype"] = base::torch_name(*request.dtype);
  json["taps"] = request.taps;
  json["greedy"] = request.greedy;
  json["prompts"] = base::OrderedJson::object();
  for (const trace::Prompt& prompt : request.prompts) json["prompts"][prompt.name] = prompt.tokens;
  json["runs"] = request.runs;
  return json;
}

Request read_request(const std::filesystem::path& file) {
  const std::string where = file.string();
  const Json json = base::read_json_file(file, kLimits);
  if (!json.is_object() || json.value("schema", Json()) != kRequestSchema) {
    throw InputError(where, "schema", "is not " + std::string(kRequestSchema),
                     "give a request of plumb check");
  }
  Request request;
  request.checkpoint = get<std::string>(json, where, "checkpoint");
  request.threads = get<int>(json, where, "threads");
  if (!json.value("dtype", Json()).is_null()) {
    const auto name = get<std::string>(json, where, "dtype");
    request.dtype = base::dtype_from_torch_name(name);
    if (!request.dtype) throw InputError(where, "dtype", "is '" + name + "'", "name a dtype");
  }
  request.taps = get<std::vector<std::string>>(json, where, "taps");
  request.greedy = get<int>(json, where, "greedy");
  for (auto& [name, tokens] :
       get<std::map<std::string, std::vector<int64_t>>>(json, where, "prompts")) {
    request.prompts.push_back({.name = name, .tokens = std::move(tokens)});
  }
  request.runs = get<std::vector<std::string>>(json, where, "runs");
  return request;
}

}  // namespace plumb::candidates
