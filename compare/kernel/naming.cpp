#include "compare/kernel/naming.h"

#include <algorithm>
#include <vector>

namespace plumb::kernel {
namespace {

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

class Words {
 public:
  Words(const KernelOp& op, const std::map<trace::Tap, std::string>& names) : op_(op) {
    for (const auto& [tap, name] : names) words_.emplace_back(tap.name(), name);
    // "layer.0.q" begins "layer.0.q_rope".
    std::ranges::sort(words_, std::ranges::greater(),
                      [](const auto& word) { return word.first.size(); });
    words_.emplace_back("layer.0.", "");
    words_.emplace_back(" of layer 0", "");
    words_.emplace_back("layer 0", std::string(op.name));
    for (const auto& [tap, name] : names) {
      labels_.emplace_back(std::string(trace::definition(tap.id).name) + " ", name);
    }
  }

  void apply(std::string& text) const {
    for (const auto& [from, to] : words_) replace_all(text, from, to);
  }
  // A cause begins with its place, which may be a tap.
  void apply_to_cause(std::string& says) const {
    apply(says);
    for (const auto& [from, to] : labels_) {
      if (!says.starts_with(from)) continue;
      says.replace(0, from.size() - 1, to == "out" ? std::string(op_.name) : to);
      return;
    }
  }

 private:
  const KernelOp& op_;
  std::vector<std::pair<std::string, std::string>> words_;
  std::vector<std::pair<std::string, std::string>> labels_;
};

bool is_given(const KernelOp& op, const std::string& tap) {
  const bool is_out = std::ranges::any_of(op.ports, [&](const Port& port) {
    return port.name == tap && (port.kind == Port::Kind::kOutput || port.kind == Port::Kind::kKept);
  });
  return !is_out;
}

}  // namespace

void rename(const KernelOp& op, const std::map<trace::Tap, std::string>& names,
            result::Result& result) {
  const Words words(op, names);
  for (result::TapRow& row : result.taps) words.apply(row.tap);
  std::erase_if(result.taps, [&](const result::TapRow& row) { return is_given(op, row.tap); });
  for (result::Reason& reason : result.reasons) {
    words.apply(reason.tap);
    words.apply(reason.message);
  }
  for (std::string& note : result.notes) words.apply(note);
  if (result.first_divergence) {
    result::FirstDivergence& first = *result.first_divergence;
    words.apply(first.tap);
    words.apply(first.where);
    for (std::string& suspect : first.suspects) words.apply(suspect);
    for (std::string& slot : first.slots) words.apply(slot);
    first.layer.reset();
  }
  if (!result.diagnosis) return;
  for (result::Diagnosis& cause : *result.diagnosis) {
    words.apply_to_cause(cause.says);
    cause.layer.reset();
  }
}

}  // namespace plumb::kernel
