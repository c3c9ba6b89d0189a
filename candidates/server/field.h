// A server's JSON, read by path, so that what is wrong with it has a name.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/json.h"

namespace plumb::candidates {

class Field {
 public:
  // `where` names the server in messages; both must outlive this.
  Field(const base::Json& json, const std::string& where) : json_(&json), where_(&where) {}

  // All but has(), is_null() and size() throw InputError where the answer is otherwise.
  bool has(const char* key) const { return json_->is_object() && json_->contains(key); }
  bool is_null() const { return json_->is_null(); }
  size_t size() const { return json_->is_array() ? json_->size() : 0; }
  Field operator[](const char* key) const;
  Field operator[](size_t index) const;
  double number() const;
  int64_t integer() const;
  std::string text() const;
  const base::Json& object() const;
  Field value_of(const std::string& key) const;  // of an object with keys of its own

  [[noreturn]] void fail(const std::string& problem) const;

 private:
  Field(const base::Json& json, const std::string& where, std::string path)
      : json_(&json), where_(&where), path_(std::move(path)) {}

  const base::Json* json_;
  const std::string* where_;
  std::string path_;
};

}  // namespace plumb::candidates
