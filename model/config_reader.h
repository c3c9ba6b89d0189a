// The strict reader of a config: every key is either read, or known to have no effect on the
// maths, or refused by name.
#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace plumb::model {

// A key that a family's published configs hold and that does not change its maths.
struct InertKey {
  std::string_view key;
  // The values under which it has no effect, as JSON texts with '|' between; empty: any value.
  std::string_view harmless;
};

// The types of layers, as `layer_types` and nested `rope_parameters` name them.
inline constexpr std::string_view kFullAttention = "full_attention";
inline constexpr std::string_view kSlidingAttention = "sliding_attention";
inline constexpr std::string_view kLinearAttention = "linear_attention";

enum class Null { kRefused, kMeansAbsent };

// Keys that may stand in a config although nothing reads them, by their path: "rope_scaling.foo".
struct Allowance {
  std::set<std::string> keys;
  std::vector<std::string> used;  // those that were needed
};

class ConfigReader {
 public:
  // where:      the file, for messages
  // allowance:  may be null; outlives the reader
  ConfigReader(const base::Json& object, std::string where, Allowance* allowance = nullptr);

  bool present(std::string_view key) const;  // there, null or not
  bool has(std::string_view key) const;      // there and not null

  // Each marks its key as read and gives `fallback` when it is absent (or null, where that means
  // absent). Throw InputError for a wrong type or a value outside [least, most].
  int64_t integer(std::string_view key, int64_t fallback, int64_t least, int64_t most,
                  Null null = Null::kRefused);
  double number(std::string_view key, double fallback, Null null = Null::kRefused);
  // A number within [1e-20, 1e12]: what is beyond is damage, and would overflow in the forward.
  double positive(std::string_view key, double fallback, Null null = Null::kRefused);
  bool flag(std::string_view key, bool fallback, Null null = Null::kRefused);
  std::string text(std::string_view key, std::string_view fallback, Null null = Null::kRefused);
  std::vector<double> numbers(std::string_view key);
  std::vector<std::string> texts(std::string_view key);
  // A nested object; its own unread keys are checked by its own finish().
  ConfigReader object(std::string_view key);
  // A reader of `other` as though it stood under `key`.
  ConfigReader object(std::string_view key, const base::Json& other) const;
  // Marks a key as read without looking at it.
  void touch(std::string_view key) { read_.emplace(key); }

  [[noreturn]] void refuse(std::string_view key, const std::string& problem,
                           const std::string& mend = {}) const;

  // Throws InputError naming the first key that was not read, is not inert (under a harmless
  // value) and not allowed.
  void finish(std::span<const InertKey> generic, std::span<const InertKey> inert) const;

  const base::Json& json() const { return object_; }

 private:
  // The value to read, or null when `fallback` applies.
  const base::Json* find(std::string_view key, Null null);
  bool is_inert(const InertKey& inert, const std::string& key, const base::Json& value) const;

  const base::Json& object_;
  std::string where_;
  Allowance* allowance_;
  std::string prefix_;  // the path of `object_` in the file: "" or "rope_parameters."
  std::set<std::string, std::less<>> read_;
};

}  // namespace plumb::model
