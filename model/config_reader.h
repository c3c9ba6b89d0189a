// The strict reader of a config: every key is either read, or known to have no effect on the
// maths, or refused by name. All keys that are refused unread are told at once.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/errors.h"
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

// What is wrong with one key, and what to do about it.
struct Problem {
  std::vector<std::string> path;  // {"rope_scaling", "factor"}
  std::string problem;
  std::string mend;

  std::string key() const;  // "rope_scaling.factor"
};

// A value that cannot be meant, or that does not go with others.
class ConfigRefusal : public base::InputError {
 public:
  ConfigRefusal(const std::string& where, Problem problem);
  const Problem& problem() const { return problem_; }

 private:
  Problem problem_;
};

// Which keys pass that nothing reads: none; those under a neutral value, or of training alone; or
// also those that no model code in transformers reads, for they cannot change what it computes.
enum class Foreign : uint8_t { kNone, kNeutral, kAny };

// What may stand in a config although nothing reads it, and what of it was met. Keys go by their
// path: "rope_scaling.foo".
struct Allowance {
  std::set<std::string> keys;
  Foreign foreign = Foreign::kAny;
  std::vector<std::string> used;  // of `keys`, those that were needed
  std::set<std::string> unread;   // keys that passed as foreign
  std::vector<Problem> problems;  // keys that must not pass
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

  // Judges every key that was not read: one that is neither inert (under a harmless value) nor
  // allowed nor foreign goes to the allowance's problems; without an allowance it is thrown.
  void finish(std::span<const InertKey> generic, std::span<const InertKey> inert) const;

  const base::Json& json() const { return object_; }

 private:
  // The value to read, or null when `fallback` applies.
  const base::Json* find(std::string_view key, Null null);
  enum class Use : uint8_t { kNone, kHarmless, kHarmful };
  Use inert_use(const InertKey& inert, const std::string& key, const base::Json& value) const;
  // The problem of a key that nothing read; none where it may stand.
  std::optional<Problem> judge_unread(const std::string& key, const base::Json& value,
                                      std::span<const InertKey> generic,
                                      std::span<const InertKey> inert) const;
  Problem problem_of(std::string_view key, std::string problem, std::string mend) const;

  const base::Json& object_;
  std::string where_;
  Allowance* allowance_;
  std::vector<std::string> path_;  // of `object_` in the file: {} or {"rope_parameters"}
  std::set<std::string, std::less<>> read_;
};

}  // namespace plumb::model
