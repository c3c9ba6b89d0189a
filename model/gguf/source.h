// A GGUF model on disk: one file, or the parts of a split one.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/gguf/file.h"

namespace plumb::model {

// True for a path that is to be read as GGUF: by its name.
bool is_gguf(const std::filesystem::path& path);

// The files of the model whose first file is `first`. Throws InputError as GgufSource does.
std::vector<std::filesystem::path> gguf_parts(const std::filesystem::path& first);

// PREFIX-00001-of-00003.gguf and its fellows, where the keys of the first say that it is split.
// Throws InputError when a part is missing or out of turn, a tensor stands in two of them, or their
// number is not the one that the first states.
class GgufSource {
 public:
  explicit GgufSource(const std::filesystem::path& first);

  const std::filesystem::path& path() const { return files_.front()->path(); }
  // Of the first part: the others hold no keys but those of the split.
  const std::map<std::string, base::GgufValue, std::less<>>& keys() const {
    return files_.front()->keys();
  }
  const std::vector<std::unique_ptr<base::GgufFile>>& files() const { return files_; }

 private:
  void add_parts(int64_t count);

  std::vector<std::unique_ptr<base::GgufFile>> files_;
};

}  // namespace plumb::model
