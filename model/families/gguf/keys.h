// The strict reader of a GGUF's metadata: a key of the architecture is either read, or known to
// have no effect on the maths, or refused by name.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "model/gguf/source.h"
#include "model/weights/raw_tensor.h"

namespace plumb::model {

class GgufKeys {
 public:
  // tensors: those of all parts, by name. Both outlive the reader.
  GgufKeys(const GgufSource& source, const std::map<std::string, RawTensor>& tensors,
           const std::set<std::string>& allowed);

  const std::string& architecture() const { return architecture_; }
  std::string where() const { return source_.path().string(); }

  // Keys are named without the architecture: "rope.freq_base".
  bool has(std::string_view key) const;
  // Each marks its key as read. Without a fallback the key must be there.
  int64_t integer(std::string_view key, std::optional<int64_t> fallback = std::nullopt);
  double number(std::string_view key, std::optional<double> fallback = std::nullopt);
  bool flag(std::string_view key, bool fallback);
  std::string text(std::string_view key, std::string_view fallback);
  // A number, or one a layer that is the same in the first `layers`.
  int64_t uniform(std::string_view key, int64_t layers,
                  std::optional<int64_t> fallback = std::nullopt);
  // One a layer.
  std::vector<bool> flags(std::string_view key, int64_t layers);
  std::vector<double> numbers(std::string_view key, int64_t count);
  bool is_list(std::string_view key) const;
  // Marks a key as read without looking at it.
  void touch(std::string_view key) { read_.emplace(key); }

  bool has_tensor(const std::string& name) const { return tensors_.contains(name); }
  // Throws InputError where there is no such tensor.
  const RawTensor& tensor(const std::string& name) const;
  // All values of a small vector.
  std::vector<double> values(const std::string& name) const;
  size_t token_count() const;  // of the tokenizer; 0 without one

  // What the file cannot say, or says in vain, for people.
  void note(std::string text) { notes_.push_back(std::move(text)); }
  const std::vector<std::string>& notes() const { return notes_; }
  const std::vector<std::string>& allowed_keys() const { return used_; }

  [[noreturn]] void refuse(std::string_view key, const std::string& problem,
                           const std::string& mend = {}) const;
  // Throws InputError naming every key of the architecture that was not read and is not allowed.
  void finish();

 private:
  // The name in the file: few keys go without the architecture.
  std::string full(std::string_view key) const;
  const base::GgufValue* find(std::string_view key);

  const GgufSource& source_;
  const std::map<std::string, RawTensor>& tensors_;
  std::string architecture_;
  std::set<std::string> allowed_;
  std::vector<std::string> used_;
  std::vector<std::string> notes_;
  std::set<std::string, std::less<>> read_;
};

}  // namespace plumb::model
