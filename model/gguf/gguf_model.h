// A GGUF as a checkpoint: its tensors by the names of its name table, and what its keys mean.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "model/gguf/source.h"
#include "model/spec.h"
#include "model/tensor_names.h"
#include "model/weights/stored_form.h"

namespace plumb::model {

struct GgufMeaning {
  Spec spec;
  NameTable names;
  std::vector<std::string> allowed_keys;
  // What the file cannot say, or says in vain.
  std::vector<std::string> notes;
};

// The tensors as the family of the architecture has them, by the file's names. `raw` becomes those
// of all parts as they lie, and numbers of the metadata that are weights of the family; it must
// outlive the result, which keeps the source.
std::map<std::string, StoredTensor> gguf_tensors(const std::shared_ptr<const GgufSource>& source,
                                                 std::map<std::string, RawTensor>& raw);

// What the keys mean: as the config of the architecture's family, and then as llama.cpp computes,
// which reads the order of rotated pairs, biases and offsets of norms off the file. Throws
// InputError naming the key.
GgufMeaning read_gguf(const std::filesystem::path& first,
                      const std::set<std::string>& allowed_keys);

}  // namespace plumb::model
