#include "candidates/server/field.h"

#include <cmath>

#include "base/errors.h"

namespace plumb::candidates {

using base::Json;

void Field::fail(const std::string& problem) const {
  throw base::InputError(*where_, path_.empty() ? "the answer" : path_, problem,
                         "the server does not speak this dialect, or not well: see --dialect");
}

Field Field::operator[](const char* key) const {
  if (!has(key)) fail(std::string("has no ") + key);
  return {(*json_)[key], *where_, path_.empty() ? key : path_ + "." + key};
}

Field Field::operator[](size_t index) const {
  if (!json_->is_array() || index >= json_->size()) {
    fail("is no list of at least " + std::to_string(index + 1));
  }
  return {(*json_)[index], *where_, path_ + "[" + std::to_string(index) + "]"};
}

Field Field::value_of(const std::string& key) const {
  return {object().at(key), *where_, path_ + "." + key};
}

double Field::number() const {
  if (!json_->is_number()) fail("is no number: " + json_->dump().substr(0, 40));
  return json_->get<double>();
}

int64_t Field::integer() const {
  if (!json_->is_number_integer()) fail("is no whole number: " + json_->dump().substr(0, 40));
  return json_->get<int64_t>();
}

std::string Field::text() const {
  if (!json_->is_string()) fail("is no text: " + json_->dump().substr(0, 40));
  return json_->get<std::string>();
}

const Json& Field::object() const {
  if (!json_->is_object()) fail("is no object: " + json_->dump().substr(0, 40));
  return *json_;
}

}  // namespace plumb::candidates
