#include "model/weights/resolution.h"

#include "base/errors.h"

namespace plumb::model {

const RawTensor* Resolution::find(const std::string& name) const {
  const auto found = raw_.find(name);
  return found == raw_.end() ? nullptr : &found->second;
}

const RawTensor& Resolution::need(const std::string& name, const RawTensor& weight) const {
  return need_one_of({name}, weight);
}

const RawTensor& Resolution::need_one_of(const std::vector<std::string>& names,
                                         const RawTensor& weight) const {
  for (const std::string& name : names) {
    if (const RawTensor* tensor = find(name)) return *tensor;
  }
  throw base::InputError(weight.file, names.front(), "the tensor is missing",
                         weight.name + " is quantised and cannot be read without it");
}

std::vector<std::string> Resolution::stems(std::string_view suffix) const {
  std::vector<std::string> result;
  for (const auto& [name, tensor] : raw_) {
    if (name.ends_with(suffix) && !taken_.contains(name)) {
      result.push_back(name.substr(0, name.size() - suffix.size()));
    }
  }
  return result;
}

void Resolution::add(const std::string& name, std::vector<const RawTensor*> parts, Open open) {
  std::erase(parts, nullptr);
  for (const RawTensor* part : parts) {
    if (!taken_.insert(part->name).second) {
      throw base::InputError(part->file, part->name, "belongs to two weights",
                             "take one of them out");
    }
  }
  const RawTensor& main = *parts.front();
  const bool fresh =
      tensors_.try_emplace(name, StoredTensor{.parts = std::move(parts), .open = std::move(open)})
          .second;
  if (!fresh || (find(name) != nullptr && name != main.name && !taken_.contains(name))) {
    throw base::InputError(main.file, main.name, "stands beside another form of " + name,
                           "keep one of them");
  }
}

void Resolution::add_runtime(const RawTensor& tensor, std::string reason) {
  if (!taken_.insert(tensor.name).second) return;
  tensors_.emplace(tensor.name,
                   StoredTensor{.parts = {&tensor}, .open = {}, .runtime = std::move(reason)});
}

std::map<std::string, StoredTensor> Resolution::finish() && {
  for (const auto& [name, raw] : raw_) {
    if (taken_.contains(name)) continue;
    tensors_.emplace(name, StoredTensor{.parts = {&raw}, .open = [&raw = raw] {
                                          return std::make_shared<PlainForm>(raw);
                                        }});
  }
  return std::move(tensors_);
}

}  // namespace plumb::model
