// A GGUF as a checkpoint: its tensors by the names of its name table, and what its keys mean.
#pragma once

#include <deque>
#include <map>
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

// The tensors of all parts as they lie.
std::map<std::string, RawTensor> raw_gguf_tensors(const GgufSource& source);

// The same as the family of the architecture has them, by the file's names. Numbers of the metadata
// that are weights of the family stand in `extra`, which outlives the result, as `raw` does.
std::map<std::string, StoredTensor> gguf_tensors(const GgufSource& source,
                                                 const std::map<std::string, RawTensor>& raw,
                                                 std::deque<RawTensor>& extra);

// What the keys mean: as the config of the architecture's family, and then as llama.cpp computes,
// which reads the order of rotated pairs, biases and offsets of norms off the file. Throws
// InputError naming the key.
GgufMeaning read_gguf(const GgufSource& source, const std::map<std::string, RawTensor>& raw,
                      const std::set<std::string>& allowed_keys);

}  // namespace plumb::model
