#include "model/checkpoint.h"

#include <algorithm>
#include <fstream>
#include <set>
#include <string_view>

#include "base/errors.h"
#include "base/sha256.h"
#include "model/adapter/adapter.h"
#include "model/gguf/gguf_model.h"
#include "model/weights/quantization.h"

namespace plumb::model {
namespace {

using base::InputError;
using base::Json;

constexpr const char* kWhole = "model.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";

// A shard must be a plain file name: an index from elsewhere must not reach out of its folder.
bool is_plain_name(const std::string& name) {
  return !name.empty() && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos;
}

bool ends_with_any(const std::string& name) {
  return name.ends_with(".safetensors") || name.ends_with(".safetensors.index.json");
}

std::string file_name(const RawTensor& tensor) {
  return std::filesystem::path(tensor.file).filename().string();
}

// Read, not mapped: a file may be larger than memory.
std::string file_sha256(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::vector<char> buffer(size_t{1} << 20);
  base::Sha256 hash;
  while (stream) {
    stream.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    hash.update(std::string_view(buffer.data(), static_cast<size_t>(stream.gcount())));
  }
  if (!stream.eof()) throw InputError(file.string(), "", "cannot be read");
  return hash.hex_digest();
}

}  // namespace

std::filesystem::path find_config_file(const std::filesystem::path& folder) {
  if (!std::filesystem::is_directory(folder)) {
    throw InputError(folder.string(), "", "is no folder",
                     "name a checkpoint folder with config.json and *.safetensors");
  }
  if (!std::filesystem::exists(folder / kParamsJson)) return folder / kConfigJson;
  if (std::filesystem::exists(folder / kConfigJson)) {
    throw InputError(folder.string(), kParamsJson, "stands beside config.json",
                     "keep the one that describes the tensors");
  }
  return folder / kParamsJson;
}

bool holds_weights(const std::filesystem::path& folder) {
  if (is_gguf(folder)) return true;
  const std::filesystem::directory_iterator files(folder);
  return std::any_of(begin(files), end(files), [](const auto& file) {
    return ends_with_any(file.path().filename().string());
  });
}

Checkpoint::Checkpoint(const std::filesystem::path& folder,
                       const std::set<std::string>& allowed_keys,
                       const std::filesystem::path& adapter)
    : folder_(folder),
      config_file_(is_gguf(folder) ? folder : find_config_file(folder)),
      config_(is_gguf(folder) ? Json() : base::read_json_file(config_file_)) {
  if (is_gguf(folder)) {
    if (!adapter.empty()) {
      throw InputError(folder.string(), "--adapter", "a GGUF has other names than an adapter",
                       "name the checkpoint that the adapter was made for");
    }
    tensors_ = gguf_tensors(std::make_shared<const GgufSource>(folder), raw_);
    return;
  }
  const std::filesystem::path index = folder / kIndex;
  const bool whole = std::filesystem::exists(folder / kWhole);
  if (std::filesystem::exists(index)) {
    add_shards(base::read_json_file(index), index.string());
    if (whole && !holds(kWhole)) {
      throw InputError((folder / kWhole).string(), "", "stands beside an index that leaves it out",
                       "keep the one file or the shards");
    }
  } else if (config_file_.filename() == kParamsJson) {
    add_all();
  } else if (whole) {
    add_file(kWhole);
  } else {
    throw InputError(folder.string(), kWhole, "is missing",
                     std::string("a checkpoint holds it, or ") + kIndex + " with its shards");
  }
  resolve_weights(allowed_keys);
  if (!adapter.empty()) files_.push_back(apply_adapter(adapter, tensors_, raw_));
}

void Checkpoint::resolve_weights(const std::set<std::string>& allowed_keys) {
  std::map<std::string, std::string> metadata;
  for (const auto& file : files_) {
    metadata.insert(file->metadata().begin(), file->metadata().end());
  }
  Resolution resolution(raw_, metadata);
  Allowance allowance{.keys = allowed_keys};
  if (const auto declaration = find_declaration(config_, config_file_)) {
    resolve(*declaration, allowance, resolution);
  }
  tensors_ = std::move(resolution).finish();
  used_allowed_keys_ = std::move(allowance.used);
}

bool Checkpoint::holds(const std::string& name) const {
  return std::any_of(files_.begin(), files_.end(),
                     [&](const auto& file) { return file->path().filename() == name; });
}

void Checkpoint::add_all() {
  std::set<std::string> names;
  for (const auto& item : std::filesystem::directory_iterator(folder_)) {
    const std::string name = item.path().filename().string();
    if (name.ends_with(".safetensors")) names.insert(name);
  }
  if (names.empty()) {
    throw InputError(folder_.string(), "*.safetensors", "is missing",
                     "a checkpoint holds its tensors in such files");
  }
  for (const std::string& name : names) add_file(name);
}

void Checkpoint::add_file(const std::string& name) {
  files_.push_back(std::make_unique<base::SafetensorsFile>(folder_ / name));
  const base::SafetensorsFile& file = *files_.back();
  for (const base::SafetensorsEntry& entry : file.entries()) {
    const auto [at, fresh] = raw_.try_emplace(entry.name, RawTensor{.file = file.path().string(),
                                                                    .name = entry.name,
                                                                    .dtype = entry.dtype,
                                                                    .shape = entry.shape,
                                                                    .bytes = file.bytes(entry)});
    if (!fresh) {
      throw InputError(file.path().string(), entry.name,
                       "the tensor stands in " + file_name(at->second) + " as well");
    }
  }
}

void Checkpoint::add_shards(const Json& index, const std::string& where) {
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object()) {
    throw InputError(where, "weight_map", "is missing or no object",
                     "map each tensor's name to its shard");
  }
  const Json& map = index["weight_map"];
  std::set<std::string> names;
  for (const auto& [tensor, shard] : map.items()) {
    if (!shard.is_string() || !is_plain_name(shard.get<std::string>())) {
      throw InputError(where, tensor, "its shard " + shard.dump() + " is no plain file name",
                       "name a file of the same folder");
    }
    names.insert(shard.get<std::string>());
  }
  for (const std::string& name : names) {
    if (!std::filesystem::exists(folder_ / name)) {
      throw InputError(where, name, "the index names a shard that is missing",
                       "fetch the file again");
    }
    add_file(name);
  }
  for (const auto& [tensor, shard] : map.items()) {
    const auto found = raw_.find(tensor);
    if (found == raw_.end() || file_name(found->second) != shard.get<std::string>()) {
      throw InputError(where, tensor,
                       "is not in the shard that the index names: " + shard.get<std::string>(),
                       "fetch or export index and shards again");
    }
  }
  for (const auto& [tensor, raw] : raw_) {
    if (!map.contains(tensor)) {
      throw InputError(raw.file, tensor, "is not in the index",
                       "list it in weight_map or take it out");
    }
  }
}

const std::string& Checkpoint::sha256() const {
  if (!sha256_.empty()) return sha256_;
  std::vector<std::filesystem::path> files = {config_file_};
  if (is_gguf(folder_)) {
    files = gguf_parts(folder_);
  } else {
    for (const auto& item : std::filesystem::directory_iterator(folder_)) {
      if (item.is_regular_file() && ends_with_any(item.path().filename().string())) {
        files.push_back(item.path());
      }
    }
  }
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) {
    return a.filename().string() < b.filename().string();
  });
  base::Sha256 hash;
  for (const std::filesystem::path& file : files) {
    hash.update(file.filename().string());
    hash.update(std::string_view("\0", 1));
    hash.update(file_sha256(file));
    hash.update("\n");
  }
  sha256_ = hash.hex_digest();
  return sha256_;
}

}  // namespace plumb::model
