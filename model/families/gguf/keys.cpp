#include "model/families/gguf/keys.h"

#include <algorithm>
#include <cmath>

#include "base/errors.h"
#include "model/gguf/forms.h"

namespace plumb::model {
namespace {

using base::GgufValue;
using base::InputError;

constexpr const char* kMend = "convert the model again";

const GgufValue& general(const GgufSource& source, const char* key) {
  const auto found = source.keys().find(key);
  if (found == source.keys().end()) {
    throw InputError(source.path().string(), key, "is missing", kMend);
  }
  return found->second;
}

}  // namespace

GgufKeys::GgufKeys(const GgufSource& source, const std::map<std::string, RawTensor>& tensors,
                   const std::set<std::string>& allowed)
    : source_(source), tensors_(tensors), allowed_(allowed) {
  const auto name = general(source, "general.architecture").text();
  if (!name) throw InputError(where(), "general.architecture", "is no text", kMend);
  architecture_ = *name;
  const auto type = source.keys().find("general.type");
  if (type != source.keys().end() && type->second.text() != "model") {
    throw InputError(where(), "general.type",
                     "is '" + std::string(type->second.text().value_or("no text")) + "'",
                     "name the file of the model itself");
  }
}

std::string GgufKeys::full(std::string_view key) const {
  const bool global = key.starts_with("xielu.");
  return (global ? "" : architecture_ + ".") + std::string(key);
}

const GgufValue* GgufKeys::find(std::string_view key) {
  read_.emplace(key);
  const auto found = source_.keys().find(full(key));
  return found == source_.keys().end() ? nullptr : &found->second;
}

bool GgufKeys::has(std::string_view key) const {
  return source_.keys().contains(full(key));
}

void GgufKeys::refuse(std::string_view key, const std::string& problem,
                      const std::string& mend) const {
  throw InputError(where(), full(key), problem, mend);
}

int64_t GgufKeys::integer(std::string_view key, std::optional<int64_t> fallback) {
  const GgufValue* value = find(key);
  if (value == nullptr) {
    if (!fallback) refuse(key, "is missing", kMend);
    return *fallback;
  }
  const auto number = value->integer();
  if (!number || *number < 0) refuse(key, "is no whole number from 0 up", kMend);
  return *number;
}

double GgufKeys::number(std::string_view key, std::optional<double> fallback) {
  const GgufValue* value = find(key);
  if (value == nullptr) {
    if (!fallback) refuse(key, "is missing", kMend);
    return *fallback;
  }
  const auto number = value->number();
  if (!number || !std::isfinite(*number)) refuse(key, "is no finite number", kMend);
  return *number;
}

bool GgufKeys::flag(std::string_view key, bool fallback) {
  const GgufValue* value = find(key);
  if (value == nullptr) return fallback;
  const auto flag = value->flag();
  if (!flag) refuse(key, "is neither true nor false", kMend);
  return *flag;
}

std::string GgufKeys::text(std::string_view key, std::string_view fallback) {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::string(fallback);
  const auto text = value->text();
  if (!text) refuse(key, "is no text", kMend);
  return std::string(*text);
}

bool GgufKeys::is_list(std::string_view key) const {
  const auto found = source_.keys().find(full(key));
  return found != source_.keys().end() && found->second.is_array();
}

int64_t GgufKeys::uniform(std::string_view key, int64_t layers, std::optional<int64_t> fallback) {
  if (!is_list(key)) return integer(key, fallback);
  const auto list = find(key)->integers();
  if (!list || list->size() < static_cast<size_t>(layers)) {
    refuse(key, "is no list of whole numbers, one a layer", kMend);
  }
  const auto end = list->begin() + layers;
  if (std::any_of(list->begin(), end, [&](int64_t value) { return value != list->front(); })) {
    refuse(key, "differs between layers", "this architecture has no such models here");
  }
  if (list->front() < 0) refuse(key, "is negative", kMend);
  return list->front();
}

std::vector<bool> GgufKeys::flags(std::string_view key, int64_t layers) {
  const GgufValue* value = find(key);
  const auto list = value == nullptr ? std::nullopt : value->flags();
  if (!list || list->size() < static_cast<size_t>(layers)) {
    refuse(key, "is no list of true and false, one a layer", kMend);
  }
  return {list->begin(), list->begin() + layers};
}

std::vector<double> GgufKeys::numbers(std::string_view key, int64_t count) {
  const GgufValue* value = find(key);
  auto list = value == nullptr ? std::nullopt : value->numbers();
  if (!list || list->size() < static_cast<size_t>(count)) {
    refuse(key, "is no list of numbers, one a layer", kMend);
  }
  list->resize(static_cast<size_t>(count));
  if (std::any_of(list->begin(), list->end(), [](double v) { return !std::isfinite(v); })) {
    refuse(key, "holds NaN or infinity", kMend);
  }
  return *list;
}

const RawTensor& GgufKeys::tensor(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) throw InputError(where(), name, "the tensor is missing", kMend);
  return found->second;
}

std::vector<double> GgufKeys::values(const std::string& name) const {
  const RawTensor& raw = tensor(name);
  constexpr int64_t kSmall = 65536;
  const FormPtr form = open_gguf_tensor(raw, nullptr);
  if (form->elements() > kSmall) throw InputError(raw.file, name, "is too large", kMend);
  form->check();
  std::vector<double> values(static_cast<size_t>(form->elements()));
  form->decode(0, 1, values);
  return values;
}

size_t GgufKeys::token_count() const {
  const auto found = source_.keys().find("tokenizer.ggml.tokens");
  return found == source_.keys().end() ? 0 : found->second.count();
}

void GgufKeys::finish() {
  const std::string prefix = architecture_ + ".";
  std::string unread;
  for (auto at = source_.keys().lower_bound(prefix); at != source_.keys().end(); ++at) {
    if (!at->first.starts_with(prefix)) break;
    if (read_.contains(at->first.substr(prefix.size()))) continue;
    if (allowed_.contains(at->first)) {
      used_.push_back(at->first);
    } else {
      unread += (unread.empty() ? "" : ", ") + at->first;
    }
  }
  if (unread.empty()) return;
  throw InputError(where(), unread, "this architecture has no use for it here",
                   "if it does not change the maths, let it pass with --allow-key");
}

}  // namespace plumb::model
