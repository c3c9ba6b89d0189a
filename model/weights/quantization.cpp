#include "model/weights/quantization.h"

#include <algorithm>

#include "base/errors.h"
#include "model/weights/methods/method.h"

namespace plumb::model {
namespace {

struct Method {
  std::string_view name;
  ResolveMethod* resolve;
};

constexpr std::string_view kMlx = "mlx";

constexpr Method kMethods[] = {
    {"auto-round", resolve_auto_round},
    {"awq", resolve_awq},
    {"bitsandbytes", resolve_bitsandbytes},
    {"compressed-tensors", resolve_compressed_tensors},
    {"fbgemm_fp8", resolve_fbgemm_fp8},
    {"fp8", resolve_fp8},
    {"gptq", resolve_gptq},
    {kMlx, resolve_mlx},
    {"modelopt", resolve_modelopt},
    {"modelopt_fp4", resolve_modelopt},
    {"modelopt_mixed", resolve_modelopt},
    {"mxfp4", resolve_mxfp4},
    {"torchao", resolve_torchao},
};

// Files beside the config whose declaration has no method of its own, and what it is.
struct Sidecar {
  const char* file;
  std::string_view method;
};
constexpr Sidecar kSidecars[] = {{"hf_quant_config.json", "modelopt"},
                                 {"quantize_config.json", "gptq"},
                                 {"quant_config.json", "awq"}};

std::string method_of(const Declaration& declaration, ConfigReader& reader) {
  if (reader.has("quant_method")) return reader.text("quant_method", "");
  for (const Sidecar& sidecar : kSidecars) {
    if (declaration.key.empty() && declaration.where.ends_with(sidecar.file)) {
      return std::string(sidecar.method);
    }
  }
  if (declaration.key.ends_with("compression_config") || reader.has("config_groups")) {
    return "compressed-tensors";
  }
  const bool mlx = declaration.key.ends_with("quantization") || reader.has("mode");
  if (mlx || (reader.has("bits") && reader.has("group_size"))) return std::string(kMlx);
  reader.refuse("quant_method", "is missing", "say how the weights are quantised");
}

std::optional<Declaration> declared_in(const base::Json& config, const std::string& where) {
  if (!config.is_object()) return std::nullopt;
  for (const std::string_view key : kQuantizationKeys) {
    const auto found = config.find(key);
    if (found == config.end() || found->is_null()) continue;
    return Declaration{.json = *found, .where = where, .key = std::string(key)};
  }
  return std::nullopt;
}

std::optional<Declaration> checked(std::optional<Declaration> declaration) {
  if (declaration && !declaration->json.is_object()) {
    throw base::InputError(declaration->where, declaration->key, "is no JSON object",
                           "write {\"quant_method\": ...}");
  }
  return declaration;
}

}  // namespace

std::optional<Declaration> declaration_of(const base::Json& config, const std::string& where) {
  auto declaration = declared_in(config, where);
  if (!declaration && config.is_object() && config.contains("text_config")) {
    declaration = declared_in(config.at("text_config"), where);
    if (declaration) declaration->key = "text_config." + declaration->key;
  }
  return checked(std::move(declaration));
}

std::optional<Declaration> find_declaration(const base::Json& config,
                                            const std::filesystem::path& file) {
  auto declaration = declaration_of(config, file.string());
  for (const Sidecar& sidecar : kSidecars) {
    const std::filesystem::path beside = file.parent_path() / sidecar.file;
    if (declaration || !std::filesystem::exists(beside)) continue;
    declaration =
        Declaration{.json = base::read_json_file(beside), .where = beside.string(), .key = {}};
  }
  return checked(std::move(declaration));
}

void resolve(const Declaration& declaration, Allowance& allowance, Resolution& tensors) {
  const base::Json nothing = base::Json::object();
  // What a declaration says and is not known may change the weights: no key of it passes unread.
  Allowance strict{.keys = allowance.keys, .foreign = Foreign::kNone};
  const ConfigReader outer(nothing, declaration.where, &strict);
  ConfigReader reader = declaration.key.empty()
                            ? ConfigReader(declaration.json, declaration.where, &strict)
                            : outer.object(declaration.key, declaration.json);
  const std::string name = method_of(declaration, reader);
  const auto* method = std::find_if(std::begin(kMethods), std::end(kMethods),
                                    [&](const Method& m) { return m.name == name; });
  if (method == std::end(kMethods)) {
    std::string known;
    for (const Method& m : kMethods) known += (known.empty() ? "" : ", ") + std::string(m.name);
    reader.refuse("quant_method", "'" + name + "' is not supported",
                  "known: " + known + "; for others give the plain weights that its owner decodes");
  }
  method->resolve(reader, tensors);
  reader.finish({}, {});
  if (!strict.problems.empty()) throw ConfigRefusal(declaration.where, strict.problems.front());
  allowance.used.insert(allowance.used.end(), strict.used.begin(), strict.used.end());
}

}  // namespace plumb::model
