#include "compare/kernel/listing.h"

#include <fmt/format.h>

#include "compare/kernel/attributes.h"
#include "compare/kernel/ports.h"

namespace plumb::kernel {
namespace {

using Kind = Port::Kind;

constexpr std::pair<Kind, const char*> kKinds[] = {
    {Kind::kInput, "inputs"},   {Kind::kPositions, "inputs"}, {Kind::kWeight, "weights"},
    {Kind::kState, "state_in"}, {Kind::kOutput, "outputs"},   {Kind::kKept, "state_out"}};

const char* list_of(Kind kind) {
  for (const auto& [known, list] : kKinds) {
    if (known == kind) return list;
  }
  return "";
}

std::vector<Attribute> all_attributes(const KernelOp& op) {
  std::vector<Attribute> all = attributes_of(op, op.kinds());
  if (op.find(Kind::kPositions, "positions") != nullptr) {
    all.push_back({"first_position", "integer", "0, or as many as a cache holds"});
  }
  return all;
}

std::string shape_text(const Port& port) {
  std::string text = "[" + std::string(port.axes) + "]";
  for (size_t at = text.find('|'); at != std::string::npos; at = text.find('|', at)) {
    text.replace(at, 1, "] or [");
  }
  return text;
}

}  // namespace

base::OrderedJson listing_json() {
  base::OrderedJson json = {{"schema", "plumbline.ops/1"}, {"ops", base::OrderedJson::array()}};
  for (const KernelOp* op : kernel_ops()) {
    base::OrderedJson row = {{"name", op->name}, {"formula", op->formula}, {"source", op->source}};
    for (const auto& [kind, list] : kKinds) row[list] = base::OrderedJson::array();
    for (const Port& port : op->ports) {
      row[list_of(port.kind)].push_back({{"name", port.name},
                                         {"axes", port.axes},
                                         {"optional", port.optional},
                                         {"meaning", port.meaning}});
    }
    row["attributes"] = base::OrderedJson::array();
    for (const Attribute& attribute : all_attributes(*op)) {
      row["attributes"].push_back(
          {{"name", attribute.name}, {"type", attribute.type}, {"default", attribute.value}});
    }
    json["ops"].push_back(std::move(row));
  }
  return json;
}

std::string listing_text() {
  std::string text;
  for (const KernelOp* op : kernel_ops()) {
    text += fmt::format("{}: {}\n", op->name, op->formula);
    for (const Port& port : op->ports) {
      text += fmt::format("  {:9} {}{} {}{}{}\n", list_of(port.kind), port.name,
                          port.optional ? "?" : "", shape_text(port),
                          port.meaning.empty() ? "" : ": ", port.meaning);
    }
    for (const Attribute& attribute : all_attributes(*op)) {
      text += fmt::format("  {:9} {}={} ({})\n", "attribute", attribute.name, attribute.value,
                          attribute.type);
    }
  }
  return text;
}

}  // namespace plumb::kernel
