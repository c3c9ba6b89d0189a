// How a model is told to llama.cpp: the architecture, its keys, its tensors.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/gguf/forms.h"
#include "model/spec.h"
#include "model/tensor_names.h"

namespace plumb::model {

// Metadata in the making: names, types and bytes as the file holds them.
class GgufMetadata {
 public:
  void integer(std::string_view name, int64_t value);  // u32
  void number(std::string_view name, double value);    // f32
  void flag(std::string_view name, bool value);
  void text(std::string_view name, std::string_view value);
  void integers(std::string_view name, const std::vector<int64_t>& values);  // i32
  void numbers(std::string_view name, const std::vector<double>& values);    // f32
  void flags(std::string_view name, const std::vector<bool>& values);
  void texts(std::string_view name, const std::vector<std::string>& values);

  size_t count() const { return count_; }
  const std::string& bytes() const { return bytes_; }

 private:
  void begin(std::string_view name, uint32_t type);
  template <class T>
  void put(T value);
  void put_text(std::string_view text);

  size_t count_ = 0;
  std::string bytes_;
};

struct GgufPlan {
  GgufMetadata keys;
  // Of the family's tensors, and how the file lays them out.
  NameTable names;
  std::map<std::string, GgufLayout> layouts;
  // Rows of q and k go from halves to pairs: [2, d/2] of a head to [d/2, 2].
  bool pairs = false;
  // Small vectors that belong to the config: rope factors.
  std::map<std::string, std::vector<double>> extra;
  // Weights that stand in the metadata instead of among the tensors: of a role, one number a layer.
  std::map<std::string, std::string> values;  // role -> key
};

// Throws InputError where the model's family has no architecture in llama.cpp. That the file then
// means the model is for the caller to see, by reading it: not all that a Spec holds has a key.
GgufPlan plan_gguf(const Spec& spec);

}  // namespace plumb::model
