#include "base/json.h"

#include <set>
#include <vector>

#include "base/errors.h"
#include "base/files.h"

namespace plumb::base {
namespace {

constexpr int kDepthLimit = 32;
// Parsed, a byte of JSON can cost thirty of memory: values are counted, not bytes alone.
constexpr size_t kValueLimit = 1'000'000;

// Rejects duplicate keys, and more than can be meant, while the parser builds the document.
class Guard {
 public:
  explicit Guard(const std::string& where) : where_(where) {}

  void see(int depth, Json::parse_event_t event, const Json& value) {
    using Event = Json::parse_event_t;
    if (++events_ > kValueLimit) {
      throw InputError(where_, "", "JSON holds more than a million keys and values",
                       "no config or index needs so many");
    }
    if (event == Event::object_start || event == Event::array_start) {
      if (depth >= kDepthLimit) {
        throw InputError(where_, "", "JSON is nested too deeply", "nest at most 32 levels");
      }
      open_.emplace_back();
    } else if (event == Event::object_end || event == Event::array_end) {
      open_.pop_back();
    } else if (event == Event::key) {
      const auto& key = value.get_ref<const std::string&>();
      if (!open_.back().insert(key).second) {
        throw InputError(where_, key, "the key stands twice in one object", "keep one of them");
      }
    }
  }

 private:
  const std::string& where_;
  std::vector<std::set<std::string>> open_;
  size_t events_ = 0;
};

}  // namespace

Json parse_json(std::string_view text, const std::string& where) {
  Guard guard(where);
  const auto callback = [&](int depth, Json::parse_event_t event, Json& value) {
    guard.see(depth, event, value);
    return true;
  };
  try {
    return Json::parse(text.begin(), text.end(), callback);
  } catch (const Json::exception& error) {
    throw InputError(where, "", std::string("is not valid JSON: ") + error.what(),
                     "write it again");
  }
}

Json read_json_file(const std::filesystem::path& file) {
  const MappedFile mapped(file);
  if (mapped.size() > kJsonSizeLimit) {
    throw InputError(file.string(), "", "the JSON file is larger than 16 MiB",
                     "no config or index needs to be");
  }
  return parse_json(mapped.text(), file.string());
}

}  // namespace plumb::base
