#include "model/gguf/source.h"

#include <cstdio>
#include <set>

#include "base/errors.h"

namespace plumb::model {
namespace {

using base::GgufFile;
using base::InputError;

constexpr const char* kNumber = "split.no";  // from 0
constexpr const char* kCount = "split.count";
constexpr const char* kTensors = "split.tensors.count";
constexpr int64_t kMostParts = 99999;  // the names hold five digits

// 0 where the file has no such key.
int64_t read_count(const GgufFile& file, const char* key, int64_t most) {
  const auto found = file.keys().find(key);
  if (found == file.keys().end()) return 0;
  const auto value = found->second.integer();
  if (!value || *value < 0 || *value > most) {
    throw InputError(file.path().string(), key, "is no count", "fetch or split the file again");
  }
  return *value;
}

// The name of part `number`, counted from 1; empty where `first` is not named as a first part.
std::string part_name(const std::filesystem::path& first, int64_t number, int64_t count) {
  const auto ending = [&](int64_t part) {
    char text[64];
    std::snprintf(text, sizeof(text), "-%05d-of-%05d.gguf", static_cast<int>(part),
                  static_cast<int>(count));
    return std::string(text);
  };
  const std::string name = first.filename().string();
  if (!name.ends_with(ending(1))) return "";
  return name.substr(0, name.size() - ending(1).size()) + ending(number);
}

}  // namespace

bool is_gguf(const std::filesystem::path& path) {
  return path.extension() == ".gguf" && !std::filesystem::is_directory(path);
}

std::vector<std::filesystem::path> gguf_parts(const std::filesystem::path& first) {
  const GgufSource source(first);
  std::vector<std::filesystem::path> parts;
  for (const auto& file : source.files()) parts.push_back(file->path());
  return parts;
}

GgufSource::GgufSource(const std::filesystem::path& first) {
  files_.push_back(std::make_unique<GgufFile>(first));
  const int64_t number = read_count(*files_.front(), kNumber, kMostParts);
  if (number != 0) {
    throw InputError(first.string(), kNumber, "this is part " + std::to_string(number + 1),
                     "name the first part: the others are found beside it");
  }
  const int64_t count = read_count(*files_.front(), kCount, kMostParts);
  if (count > 1) add_parts(count);
}

void GgufSource::add_parts(int64_t count) {
  const std::filesystem::path& first = files_.front()->path();
  if (part_name(first, 1, count).empty()) {
    throw InputError(
        first.string(), kCount,
        "the file is the first of " + std::to_string(count) + " parts and is not named so",
        "name the parts PREFIX-00001-of-0000N.gguf, as llama.cpp does");
  }
  for (int64_t part = 2; part <= count; ++part) {
    const std::filesystem::path path = first.parent_path() / part_name(first, part, count);
    if (!std::filesystem::exists(path)) {
      throw InputError(path.string(), "", "the part is missing", "fetch the file again");
    }
    files_.push_back(std::make_unique<GgufFile>(path));
    const GgufFile& file = *files_.back();
    if (read_count(file, kNumber, kMostParts) != part - 1 ||
        read_count(file, kCount, kMostParts) != count) {
      throw InputError(path.string(), kNumber, "the part is of another split",
                       "fetch or split the file again");
    }
  }
  size_t total = 0;
  std::set<std::string> names;
  for (const auto& file : files_) {
    total += file->tensors().size();
    for (const base::GgufTensor& tensor : file->tensors()) {
      if (!names.insert(tensor.name).second) {
        throw InputError(file->path().string(), tensor.name, "the tensor stands in two parts",
                         "fetch or split the file again");
      }
    }
  }
  const int64_t stated = read_count(*files_.front(), kTensors, int64_t{1} << 31);
  if (stated != 0 && stated != static_cast<int64_t>(total)) {
    throw InputError(
        first.string(), kTensors,
        "states " + std::to_string(stated) + " tensors, the parts hold " + std::to_string(total),
        "fetch or split the file again");
  }
}

}  // namespace plumb::model
