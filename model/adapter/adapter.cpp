#include "model/adapter/adapter.h"

#include <algorithm>
#include <set>
#include <vector>

#include "base/errors.h"
#include "model/adapter/lora_config.h"
#include "model/adapter/lora_form.h"
#include "model/weights/shapes.h"

namespace plumb::model {
namespace {

using base::InputError;

constexpr std::string_view kPrefix = "base_model.model.";
constexpr const char* kConfig = "adapter_config.json";
constexpr const char* kWeights = "adapter_model.safetensors";

// The tensors of one module.
struct Module {
  const RawTensor* a = nullptr;
  const RawTensor* b = nullptr;
  const RawTensor* magnitude = nullptr;
  const RawTensor* b_bias = nullptr;
  bool embedding = false;
};

struct Suffix {
  std::string_view text;
  const RawTensor* Module::*part;
  bool embedding = false;
};
constexpr Suffix kSuffixes[] = {{".lora_A.weight", &Module::a},
                                {".lora_B.weight", &Module::b},
                                {".lora_B.bias", &Module::b_bias},
                                {".lora_embedding_A", &Module::a, true},
                                {".lora_embedding_B", &Module::b, true},
                                {".lora_magnitude_vector", &Module::magnitude},
                                {".lora_magnitude_vector.weight", &Module::magnitude}};

// Layers and experts alike: "layers.#.mlp.up_proj".
std::string kind_of(const std::string& module) {
  std::string kind;
  for (const char c : module) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit) kind += c;
    if (digit && !kind.ends_with('#')) kind += '#';
  }
  return kind;
}

void require_shape(const RawTensor& tensor, const std::vector<int64_t>& shape) {
  if (tensor.shape == shape) return;
  throw InputError(tensor.file, tensor.name, "has shape " + show(tensor.shape),
                   "the module and its rank make it " + show(shape));
}

std::vector<double> values_of(const RawTensor& tensor) {
  const PlainForm form(tensor);
  std::vector<double> values(static_cast<size_t>(form.elements()));
  form.decode(0, 1, values);
  return values;
}

std::vector<double> transposed(const std::vector<double>& values, int64_t rows, int64_t columns) {
  std::vector<double> result(values.size());
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < columns; ++j) {
      result[static_cast<size_t>(j * rows + i)] = values[static_cast<size_t>(i * columns + j)];
    }
  }
  return result;
}

// The change of a matrix [rows, columns] that `module` makes.
LowRank read_change(const Module& module, const std::vector<int64_t>& shape, int64_t rank,
                    double factor) {
  const int64_t rows = shape.front();
  const int64_t columns = shape.back();
  LowRank change{.rank = rank, .a = {}, .b = {}, .factor = factor, .magnitudes = {}, .tensors = {}};
  if (module.embedding) {
    require_shape(*module.a, {rank, rows});
    require_shape(*module.b, {columns, rank});
    change.a = transposed(values_of(*module.b), columns, rank);
    change.b = transposed(values_of(*module.a), rank, rows);
  } else {
    require_shape(*module.a, {rank, columns});
    require_shape(*module.b, {rows, rank});
    change.a = values_of(*module.a);
    change.b = values_of(*module.b);
  }
  change.tensors = {*module.a, *module.b};
  if (module.magnitude != nullptr) {
    require_shape(*module.magnitude, {rows});
    change.magnitudes = values_of(*module.magnitude);
    change.tensors.push_back(*module.magnitude);
  }
  return change;
}

class Adapter {
 public:
  Adapter(const LoraConfig& config, std::map<std::string, StoredTensor>& tensors)
      : config_(config), tensors_(tensors) {}

  void sort(const RawTensor& tensor) {
    if (!tensor.name.starts_with(kPrefix)) {
      throw InputError(tensor.file, tensor.name, "is no tensor of a PEFT adapter",
                       "names start with " + std::string(kPrefix));
    }
    const std::string name = tensor.name.substr(kPrefix.size());
    for (const Suffix& suffix : kSuffixes) {
      if (!name.ends_with(suffix.text)) continue;
      Module& module = modules_[name.substr(0, name.size() - suffix.text.size())];
      module.*suffix.part = &tensor;
      module.embedding = module.embedding || suffix.embedding;
      return;
    }
    if (name.find(".lora_") != std::string::npos) {
      throw InputError(tensor.file, tensor.name, "is a part of a LoRA that is not known",
                       "merge the adapter");
    }
    whole_.emplace_back(name, &tensor);
  }

  void apply() {
    for (const auto& [name, tensor] : whole_) replace(name, *tensor);
    for (const auto& [name, module] : modules_) change(name, module);
    look_for_missing();
  }

 private:
  [[noreturn]] void refuse(const RawTensor& tensor, const std::string& problem,
                           const std::string& mend) const {
    throw InputError(tensor.file, tensor.name, problem, mend);
  }

  // A weight or a bias that stands in the adapter whole.
  void replace(std::string name, const RawTensor& tensor) {
    bool belongs_to_layer = false;
    for (const std::string part : {".base_layer.", ".modules_to_save."}) {
      const size_t at = name.find(part);
      if (at == std::string::npos) continue;
      belongs_to_layer = part == ".base_layer.";
      name.replace(at, part.size(), ".");
    }
    const std::string module = name.substr(0, name.rfind('.'));
    const bool bias = name.ends_with(".bias");
    const bool wanted = config_.saves(module) || (belongs_to_layer && !bias) ||
                        (bias && (config_.bias() == "all" ||
                                  (config_.bias() == "lora_only" && config_.targets(module))));
    if (!wanted) {
      refuse(tensor, "is a whole tensor of no module that " + config_.file() + " saves",
             "name it in modules_to_save, or take it out");
    }
    replaced_.insert(module);
    const auto found = tensors_.find(name);
    if (found == tensors_.end() && name != "lm_head.weight") {
      refuse(tensor, "the checkpoint has no " + name, "the adapter belongs to another model");
    }
    const std::vector<const RawTensor*> parts = {&tensor};
    tensors_[name] = {.parts = parts,
                      .open = [&tensor] { return std::make_shared<PlainForm>(tensor); },
                      .runtime = ""};
  }

  void change(const std::string& name, const Module& module) {
    const RawTensor& any = *(module.a != nullptr           ? module.a
                             : module.b != nullptr         ? module.b
                             : module.magnitude != nullptr ? module.magnitude
                                                           : module.b_bias);
    if (!config_.targets(name)) {
      refuse(any, "belongs to a module that " + config_.file() + " does not target",
             "name it in target_modules, or take it out");
    }
    require_parts(name, module, any);
    const auto found = tensors_.find(name + ".weight");
    if (found == tensors_.end() || !found->second.runtime.empty()) {
      refuse(any, "the checkpoint has no " + name + ".weight",
             name.ends_with("lm_head") ? "its head is tied to the embedding"
                                       : "the adapter belongs to another model");
    }
    if (module.embedding && !tensors_.contains("lm_head.weight")) {
      refuse(any, "adapts an embedding to which the head is tied",
             "engines adapt the head too or do not: merge the adapter");
    }
    StoredTensor& stored = found->second;
    const int64_t rank = config_.rank(name);
    const double factor = config_.factor(name);
    const auto open = stored.open;
    stored.parts.insert(stored.parts.end(), {module.a, module.b});
    if (module.magnitude != nullptr) stored.parts.push_back(module.magnitude);
    stored.open = [open, module, rank, factor]() -> std::shared_ptr<const StoredForm> {
      auto base = open();
      if (base->shape().size() != 2) {
        throw InputError(module.a->file, module.a->name, "adapts what is no matrix",
                         "the adapter belongs to another model");
      }
      LowRank change = read_change(module, base->shape(), rank, factor);
      return std::make_shared<AdaptedForm>(std::move(base), std::move(change));
    };
    if (module.b_bias != nullptr) shift_bias(name, module, factor);
  }

  void require_parts(const std::string& name, const Module& module, const RawTensor& any) const {
    const auto need = [&](const RawTensor* part, const std::string& suffix) {
      if (part != nullptr) return;
      refuse(any, "its companion " + std::string(kPrefix) + name + suffix + " is missing",
             "save the adapter again");
    };
    need(module.a, module.embedding ? ".lora_embedding_A" : ".lora_A.weight");
    need(module.b, module.embedding ? ".lora_embedding_B" : ".lora_B.weight");
    if (config_.uses_dora()) need(module.magnitude, ".lora_magnitude_vector");
    if (config_.has_bias()) need(module.b_bias, ".lora_B.bias");
    if (!config_.uses_dora() && module.magnitude != nullptr) {
      refuse(*module.magnitude, "is DoRA's, and use_dora is not set", "set it in the config");
    }
    if (module.embedding && module.magnitude != nullptr) {
      refuse(*module.magnitude, "DoRA of an embedding is not supported", "merge the adapter");
    }
    if (!config_.has_bias() && module.b_bias != nullptr) {
      refuse(*module.b_bias, "is a bias, and lora_bias is not set", "set it in the config");
    }
  }

  void shift_bias(const std::string& name, const Module& module, double factor) {
    const auto found = tensors_.find(name + ".bias");
    if (found == tensors_.end()) {
      refuse(*module.b_bias, "the checkpoint's module has no bias to which it could be added",
             "such an adapter has no merged form");
    }
    StoredTensor& stored = found->second;
    stored.parts.push_back(module.b_bias);
    const auto open = stored.open;
    const RawTensor& bias = *module.b_bias;
    stored.open = [open, &bias, factor]() -> std::shared_ptr<const StoredForm> {
      auto base = open();
      require_shape(bias, base->shape());
      return std::make_shared<ShiftedForm>(std::move(base), values_of(bias), factor);
    };
  }

  // Every name of the config means something, and of modules alike all are adapted or none.
  void look_for_missing() const {
    const auto found = [](const auto& names, const std::string& name) {
      return std::ranges::any_of(names, [&](const std::string& one) {
        return one == name || one.ends_with("." + name) ||
               one.find("." + name + ".") != std::string::npos || one.starts_with(name + ".");
      });
    };
    std::set<std::string> adapted;
    std::set<std::string> kinds;
    for (const auto& [name, module] : modules_) {
      adapted.insert(name);
      kinds.insert(kind_of(name));
    }
    for (const std::string& name : config_.named_targets()) {
      if (!found(adapted, name)) {
        throw InputError(config_.file(), "target_modules", "'" + name + "' matches no module",
                         "take it out, or save the adapter again");
      }
    }
    for (const std::string& name : config_.saved()) {
      if (!found(replaced_, name)) {
        throw InputError(config_.file(), "modules_to_save", "'" + name + "' is not in the adapter",
                         "take it out, or save the adapter again");
      }
    }
    if (adapted.empty() && replaced_.empty()) {
      throw InputError(config_.file(), "", "adapts nothing", "save the adapter again");
    }
    if (!config_.targets_are_named()) return;
    for (const auto& [name, stored] : tensors_) {
      if (!name.ends_with(".weight")) continue;
      const std::string module = name.substr(0, name.size() - 7);
      if (adapted.contains(module) || !kinds.contains(kind_of(module))) continue;
      if (config_.targets(module)) {
        throw InputError(config_.file(), std::string(kPrefix) + module + ".lora_A.weight",
                         "is missing, and others like it are there", "save the adapter again");
      }
    }
  }

  const LoraConfig& config_;
  std::map<std::string, StoredTensor>& tensors_;
  std::map<std::string, Module> modules_;
  std::vector<std::pair<std::string, const RawTensor*>> whole_;
  std::set<std::string> replaced_;  // modules
};

}  // namespace

std::unique_ptr<base::SafetensorsFile> apply_adapter(const std::filesystem::path& folder,
                                                     std::map<std::string, StoredTensor>& tensors,
                                                     std::map<std::string, RawTensor>& raw) {
  if (!std::filesystem::is_directory(folder)) {
    throw InputError(folder.string(), "", "is no folder",
                     std::string("name the folder of ") + kConfig + " and " + kWeights);
  }
  const LoraConfig config(folder / kConfig);
  if (!std::filesystem::exists(folder / kWeights)) {
    throw InputError(folder.string(), kWeights, "is missing",
                     "save the adapter with safe_serialization");
  }
  auto file = std::make_unique<base::SafetensorsFile>(folder / kWeights);
  Adapter adapter(config, tensors);
  for (const base::SafetensorsEntry& entry : file->entries()) {
    const auto [at, fresh] = raw.try_emplace(entry.name, RawTensor{.file = file->path().string(),
                                                                   .name = entry.name,
                                                                   .dtype = entry.dtype,
                                                                   .shape = entry.shape,
                                                                   .bytes = file->bytes(entry)});
    if (!fresh) {
      throw InputError(file->path().string(), entry.name, "the checkpoint has such a tensor",
                       "name the base model's checkpoint");
    }
    adapter.sort(at->second);
  }
  adapter.apply();
  return file;
}

}  // namespace plumb::model
