#include "base/json.h"

#include <utility>
#include <vector>

#include "base/errors.h"
#include "base/files.h"

namespace plumb::base {
namespace {

constexpr size_t kDepthLimit = 32;

// Builds the document, and refuses duplicate keys and more than can be meant. (nlohmann's own
// builder keeps the last of two equal keys, and with a callback takes quadratic time.)
class Builder : public nlohmann::json_sax<Json> {
 public:
  Builder(const std::string& where, size_t value_limit)
      : where_(where), value_limit_(value_limit) {}

  Json take() { return std::move(root_); }

  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(number_integer_t value) override { return put(value); }
  bool number_unsigned(number_unsigned_t value) override { return put(value); }
  bool number_float(number_float_t value, const string_t&) override { return put(value); }
  bool string(string_t& value) override { return put(std::move(value)); }
  bool binary(binary_t& value) override { return put(std::move(value)); }

  bool start_object(std::size_t) override { return open(Json::object()); }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    const auto [at, fresh] = open_.back()->emplace(name, nullptr);
    if (!fresh) {
      throw InputError(where_, name, "the key stands twice in one object", "keep one of them");
    }
    slot_ = &*at;
    return true;
  }

  bool parse_error(std::size_t, const std::string&, const Json::exception& error) override {
    throw InputError(where_, "", std::string("is not valid JSON: ") + error.what(),
                     "write it again");
  }

 private:
  // The place of the next value: the slot of the last key, or the end of the open array.
  Json& place() {
    if (++values_ > value_limit_) {
      throw InputError(where_, "", "holds more than " + std::to_string(value_limit_) + " values",
                       "nothing that is read here needs so many");
    }
    if (open_.empty()) return root_;
    if (open_.back()->is_object()) return *slot_;
    open_.back()->push_back(nullptr);
    return open_.back()->back();
  }

  bool put(Json value) {
    place() = std::move(value);
    return true;
  }

  bool open(Json container) {
    if (open_.size() >= kDepthLimit) {
      throw InputError(where_, "", "JSON is nested too deeply", "nest at most 32 levels");
    }
    Json& at = place();
    at = std::move(container);
    open_.push_back(&at);  // stays where it is: its parent does not grow while it is open
    return true;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  const std::string& where_;
  size_t value_limit_;
  Json root_;
  std::vector<Json*> open_;  // the containers not yet closed, from the outside in
  Json* slot_ = nullptr;
  size_t values_ = 0;
};

}  // namespace

Json parse_json(std::string_view text, const std::string& where, const JsonLimits& limits) {
  Builder builder(where, limits.values);
  Json::sax_parse(text.begin(), text.end(), &builder);
  return builder.take();
}

Json read_json_file(const std::filesystem::path& file, const JsonLimits& limits) {
  const MappedFile mapped(file);
  if (mapped.size() > limits.bytes) {
    throw InputError(file.string(), "",
                     "the JSON file is larger than " + std::to_string(limits.bytes >> 20) + " MiB",
                     "nothing that is read here needs to be");
  }
  return parse_json(mapped.text(), file.string(), limits);
}

}  // namespace plumb::base
