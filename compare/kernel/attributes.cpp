#include "compare/kernel/attributes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/errors.h"
#include "compare/kernel/shapes.h"
#include "graph/printer.h"
#include "model/spec_names.h"

namespace plumb::kernel {
namespace {

using base::InputError;

// Attributes that say which weights there are.
constexpr std::string_view kPresences[] = {"bias", "correction_bias"};

bool follows(const KernelOp& op, std::string_view name) {
  return is_size(op, name) || std::ranges::find(kPresences, name) != std::end(kPresences);
}

// Where 0 stands for what follows from the sizes.
std::string default_text(const graph::OpKind& kind, std::string_view name) {
  const std::string text = graph::attribute_text(kind, name);
  if (text != "0") return text;
  if (std::holds_alternative<graph::Attention>(kind) && name == "scale") return "head_dim^-0.5";
  if (name == "query_scale") return "key_dim^-0.5";
  if (name == "rotary_dim") return "head_dim";
  return text;
}

constexpr int64_t kMostInteger = std::numeric_limits<int32_t>::max();

[[noreturn]] void refuse(const std::string& name, const std::string& value,
                         const std::string& mend) {
  throw InputError("--set", name + "=" + value, "is no value of this attribute", mend);
}

double parse_number(const std::string& name, const std::string& value) {
  double number = 0.0;
  const char* const end = value.data() + value.size();
  const auto [next, error] = std::from_chars(value.data(), end, number);
  if (error != std::errc() || next != end || !std::isfinite(number)) {
    refuse(name, value, "give a finite number");
  }
  return number;
}

void parse(const std::string& name, const std::string& value, bool& to) {
  if (value != "true" && value != "false") refuse(name, value, "give true or false");
  to = value == "true";
}
void parse(const std::string& name, const std::string& value, int& to) {
  to = static_cast<int>(parse_whole(name, value, 0, kMostInteger));
}
void parse(const std::string& name, const std::string& value, double& to) {
  to = parse_number(name, value);
}
void parse(const std::string& name, const std::string& value, std::vector<double>& to) {
  to.clear();
  size_t at = 0;
  while (at <= value.size()) {
    const size_t end = std::min(value.find(',', at), value.size());
    to.push_back(parse_number(name, value.substr(at, end - at)));
    at = end + 1;
  }
}
template <class Enum>
void parse(const std::string& name, const std::string& value, Enum& to) {
  const auto parsed = model::from_text<Enum>(value);
  if (!parsed) {
    refuse(name, value, fmt::format("known are {}", fmt::join(model::names_of(Enum{}), ", ")));
  }
  to = *parsed;
}

std::string type_of(bool) {
  return "boolean";
}
std::string type_of(int) {
  return "integer";
}
std::string type_of(double) {
  return "number";
}
std::string type_of(const std::vector<double>&) {
  return "numbers";
}
template <class Enum>
std::string type_of(Enum) {
  return fmt::format("{}", fmt::join(model::names_of(Enum{}), "|"));
}

// Calls visit(name, value) for every attribute of every op.
template <class Visit>
void visit_all(Kinds& kinds, Visit&& visit) {
  for (graph::OpKind& kind : kinds) {
    std::visit([&](auto& op) { std::decay_t<decltype(op)>::attributes(op, visit); }, kind);
  }
}

}  // namespace

int64_t parse_whole(const std::string& name, const std::string& value, int64_t least,
                    int64_t most) {
  int64_t number = 0;
  const char* const end = value.data() + value.size();
  const auto [next, error] = std::from_chars(value.data(), end, number);
  if (error != std::errc() || next != end || number < least || number > most) {
    refuse(name, value, fmt::format("give a whole number of {} to {}", least, most));
  }
  return number;
}

std::vector<Attribute> attributes_of(const KernelOp& op, const Kinds& kinds) {
  std::vector<Attribute> all;
  for (const graph::OpKind& kind : kinds) {
    Kinds one = {kind};
    visit_all(one, [&](std::string_view name, const auto& value) {
      const bool known = std::ranges::find(all, name, &Attribute::name) != all.end();
      if (known || follows(op, name)) return;
      all.push_back({std::string(name), type_of(value), default_text(kind, name)});
    });
  }
  return all;
}

void set_attribute(const KernelOp& op, Kinds& kinds, const std::string& name,
                   const std::string& value) {
  bool found = false;
  visit_all(kinds, [&](std::string_view known, auto& to) {
    if (known != name || follows(op, name)) return;
    parse(name, value, to);
    found = true;
  });
  if (found) return;
  std::vector<std::string> names;
  for (const Attribute& attribute : attributes_of(op, kinds)) names.push_back(attribute.name);
  throw InputError(
      "--set", name, fmt::format("is no attribute of {}", op.name),
      names.empty() ? "it has none" : fmt::format("known are {}", fmt::join(names, ", ")));
}

void set_size(Kinds& kinds, std::string_view name, int64_t value) {
  visit_all(kinds, [&](std::string_view known, auto& to) {
    if constexpr (std::is_same_v<std::decay_t<decltype(to)>, int>) {
      if (known == name) to = static_cast<int>(value);
    }
  });
}

void set_from_sizes(Kinds& kinds) {
  for (graph::OpKind& kind : kinds) {
    if (auto* attention = std::get_if<graph::Attention>(&kind)) {
      if (attention->scale == 0.0) attention->scale = 1.0 / std::sqrt(attention->head_dim);
    } else if (auto* rule = std::get_if<graph::GatedDeltaRule>(&kind)) {
      if (rule->query_scale == 0.0) rule->query_scale = 1.0 / std::sqrt(rule->key_dim);
    } else if (auto* rope = std::get_if<graph::Rope>(&kind)) {
      if (rope->rope.rotary_dim == 0) {
        rope->rope.rotary_dim = rope->head_dim - rope->rope.rotary_offset;
      }
    }
  }
}

void set_presence(Kinds& kinds, std::string_view name, bool present) {
  visit_all(kinds, [&](std::string_view known, auto& to) {
    if constexpr (std::is_same_v<std::decay_t<decltype(to)>, bool>) {
      if (known == name) to = present;
    }
  });
}

}  // namespace plumb::kernel
