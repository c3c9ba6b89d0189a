#include "graph/contract_file.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/errors.h"
#include "base/json.h"
#include "graph/printer.h"

namespace plumb::graph {
namespace {

using base::InputError;
using base::Json;

// The op kinds, each as it is by default.
template <size_t... kIndex>
std::array<OpKind, sizeof...(kIndex)> default_kinds(std::index_sequence<kIndex...>) {
  return {OpKind(std::in_place_index<kIndex>)...};
}
const auto& all_kinds() {
  static const auto kinds = default_kinds(std::make_index_sequence<std::variant_size_v<OpKind>>());
  return kinds;
}

std::string_view name_of(const OpKind& kind) {
  return std::visit([](const auto& op) { return std::decay_t<decltype(op)>::kName; }, kind);
}

std::set<std::string_view> steps_of(const OpKind& kind) {
  return std::visit(
      [](const auto& op) {
        std::set<std::string_view> names;
        for (const Step& step : std::decay_t<decltype(op)>::kSteps) names.insert(step.name);
        return names;
      },
      kind);
}

bool is_sum(const OpKind& kind, std::string_view name) {
  return std::visit(
      [&](const auto& op) {
        return std::ranges::any_of(std::decay_t<decltype(op)>::kSteps, [&](const Step& step) {
          return step.name == name && step.kind == StepKind::kSum;
        });
      },
      kind);
}

template <class Names>
std::string listed(const Names& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + std::string(name);
  return text;
}

// One object of the file, every key of which must be known.
class Reader {
 public:
  Reader(const Json& json, std::string file, std::string path, std::set<std::string> known)
      : json_(json), file_(std::move(file)), path_(std::move(path)) {
    if (!json.is_object()) refuse("", "is no object", "write {...}");
    for (const auto& [key, value] : json.items()) {
      if (!known.contains(key)) refuse(key, "is unknown", "the keys here are " + listed(known));
    }
  }

  bool has(const std::string& key) const { return json_.contains(key); }
  const Json& at(const std::string& key) const {
    if (!has(key)) refuse(key, "is missing", "write it");
    return json_.at(key);
  }
  std::string text(const std::string& key) const {
    const Json& value = at(key);
    if (!value.is_string() || value.get<std::string>().empty()) {
      refuse(key, "is " + value.dump(), "write a string");
    }
    return value.get<std::string>();
  }
  bool flag(const std::string& key) const {
    if (!has(key)) return false;
    if (!at(key).is_boolean()) refuse(key, "is " + at(key).dump(), "write true or false");
    return at(key).get<bool>();
  }
  size_t count(const std::string& key) const {
    if (!has(key)) return 0;
    const Json& value = at(key);
    if (!value.is_number_unsigned() || value.get<uint64_t>() == 0 ||
        value.get<uint64_t>() > uint64_t{1} << 32) {
      refuse(key, "is " + value.dump(), "write a whole number from 1 on");
    }
    return value.get<size_t>();
  }
  base::DType dtype(const std::string& key) const {
    const auto dtype = base::dtype_from_torch_name(text(key));
    if (!dtype) {
      refuse(key, "is " + at(key).dump(), "write float64, float32, bfloat16 or float16");
    }
    return *dtype;
  }

  [[noreturn]] void refuse(const std::string& key, const std::string& problem,
                           const std::string& mend) const {
    throw InputError(file_, key.empty() || path_.empty() ? path_ + key : path_ + "." + key, problem,
                     mend);
  }
  const std::string& file() const { return file_; }
  const std::string& path() const { return path_; }

 private:
  const Json& json_;
  std::string file_;
  std::string path_;
};

const OpKind& read_op(const Reader& reader) {
  const std::string name = reader.text("op");
  const auto found = std::ranges::find(all_kinds(), name, name_of);
  if (found != all_kinds().end()) return *found;
  std::vector<std::string_view> names;
  for (const OpKind& kind : all_kinds()) names.push_back(name_of(kind));
  reader.refuse("op", "is '" + name + "', which is no op", "ops are " + listed(names));
}

using Named = std::pair<std::string_view, ByWeight>;
constexpr Named kByWeight[] = {{"weight", ByWeight::kType},
                               {"ggml", ByWeight::kGgml},
                               {"declared", ByWeight::kDeclared},
                               {"declared-served", ByWeight::kServed}};

// Blocks and declared codes are of the operand of a product.
bool rounds_operand(const OpKind& kind, std::string_view step) {
  return (std::holds_alternative<Linear>(kind) || std::holds_alternative<Experts>(kind)) &&
         step == "input";
}

void read_target(const Reader& reader, ContractException& exception) {
  if (reader.at("to").is_null()) return;
  const std::string to = reader.text("to");
  exception.to = base::precision_from_name(to);
  const auto by_weight = std::ranges::find(kByWeight, to, &Named::first);
  if (by_weight != std::end(kByWeight)) exception.by_weight = by_weight->second;
  if (exception.to || exception.by_weight != ByWeight::kNo) return;
  reader.refuse("to", "is '" + to + "'",
                "write " + std::string(base::precision_names()) +
                    ", weight (as the op's weight is stored), ggml (to the blocks that meet it), "
                    "declared or declared-served (by the checkpoint), or null (unrounded)");
}

std::vector<AttributeIs> read_conditions(const Reader& reader, const OpKind& kind) {
  std::vector<AttributeIs> conditions;
  if (!reader.has("where")) return conditions;
  if (!reader.at("where").is_object()) reader.refuse("where", "is no object", "write {...}");
  for (const auto& [name, value] : reader.at("where").items()) {
    if (!has_attribute(kind, name)) {
      reader.refuse("where." + name, "is no attribute of " + std::string(name_of(kind)),
                    "plumb graph prints an op's attributes");
    }
    if (value.is_structured() || value.is_null()) {
      reader.refuse("where." + name, "is " + value.dump(), "write a string, a number or a flag");
    }
    conditions.push_back({name, value.is_string() ? value.get<std::string>() : value.dump()});
  }
  return conditions;
}

ContractException read_exception(const Json& json, const std::string& file,
                                 const std::string& path) {
  const Reader reader(
      json, file, path,
      {"op", "step", "to", "in_order", "from_table", "where", "from_queries", "below_queries"});
  const OpKind& kind = read_op(reader);
  ContractException exception{.op = reader.text("op"), .step = reader.text("step")};
  const std::set<std::string_view> steps = steps_of(kind);
  if (!steps.contains(exception.step)) {
    reader.refuse("step", "is '" + exception.step + "', which is no step of " + exception.op,
                  "its steps are " + listed(steps));
  }
  read_target(reader, exception);
  exception.in_order = reader.flag("in_order");
  const bool is_output_sum = exception.op == Attention::kName && exception.step == "output_sum";
  if (exception.in_order && (!is_output_sum || !exception.to)) {
    reader.refuse("in_order", "does not apply here",
                  "it is known of attention's output_sum, rounded to some type");
  }
  exception.from_table = reader.flag("from_table");
  const bool is_activation =
      (exception.op == GatedActivation::kName && exception.step == "activated") ||
      (exception.op == Activate::kName && exception.step == "output");
  if (exception.from_table && (!is_activation || !exception.to)) {
    reader.refuse("from_table", "does not apply here",
                  "it is known of gated_activation's activated and of activation's output");
  }
  if (exception.by_weight != ByWeight::kNo && is_sum(kind, exception.step)) {
    reader.refuse("to", "is weight for a sum", "name the type that it accumulates in");
  }
  if (exception.by_weight > ByWeight::kType && !rounds_operand(kind, exception.step)) {
    reader.refuse("to", "is " + reader.text("to") + ", which does not apply here",
                  "it is known of the input of linear and experts");
  }
  exception.where = read_conditions(reader, kind);
  exception.from_queries = reader.count("from_queries");
  exception.below_queries = reader.count("below_queries");
  return exception;
}

}  // namespace

Contract read_contract(const std::filesystem::path& file) {
  const Json json = base::read_json_file(file);
  const Reader reader(
      json, file.string(), "",
      {"schema", "name", "meaning", "storage", "compute", "accumulate", "exceptions"});
  if (reader.text("schema") != kContractSchema) {
    reader.refuse("schema", "is " + json.at("schema").dump(),
                  "write \"" + std::string(kContractSchema) + "\"");
  }
  Contract contract{.name = base::one_line(reader.text("name"), 80),
                    .meaning = base::one_line(reader.text("meaning"), 400),
                    .storage = reader.dtype("storage"),
                    .compute = reader.dtype("compute"),
                    .accumulate = reader.dtype("accumulate")};
  if (!reader.has("exceptions")) return contract;
  const Json& exceptions = reader.at("exceptions");
  if (!exceptions.is_array()) reader.refuse("exceptions", "is no list", "write [...]");
  for (size_t i = 0; i < exceptions.size(); ++i) {
    contract.exceptions.push_back(
        read_exception(exceptions[i], file.string(), "exceptions[" + std::to_string(i) + "]"));
  }
  return contract;
}

}  // namespace plumb::graph
