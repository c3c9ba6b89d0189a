// The mistakes that people make in forwards, as data: what each is called, where it applies, and
// the change of the graph or its weights that makes it. Every row works for every model by
// construction: it reads the graph alone.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "compare/library/mutation.h"

namespace plumb::library {

enum class FaultClass : uint8_t {
  kStructural,  // a step missing, doubled, of another kind, in another order or place
  kVariant,     // a relative of a structural one, or one that only some checkpoints invite: tried
                // to explain a departure, and left out of what a pass is worth
  kSubtle,      // a constant or a single number off; a bias, or a guard that seldom acts, left out
  kRounding,    // a result kept in a narrower type: seen in emulations, not in exact runs
};

enum class FaultScope : uint8_t {
  kEach,   // an op by itself: "q_norm of layer 2"
  kLayer,  // all the ops of a layer to which it applies, at once: "layer 2"
  kModel,  // all the ops of the model to which it applies, at once
};

struct FaultRow {
  std::string_view cause;
  std::string_view says;  // after the place; {} stands for the parameter, or for its name
  FaultClass severity;
  FaultScope scope;
  // Makes the mistake at an op; false where it does not apply (or changes nothing).
  bool (*apply)(Mutation& mutation, size_t op, double parameter);
  // Values of the parameter to try; none for a row without one.
  std::span<const double> values = {};
  bool fitted = false;        // the parameter is continuous: the values are where a fit may start
  bool needs_length = false;  // shows in prompts alone that are long enough
  // Multiplies a position's whole output by one number, which a norm right behind takes out again.
  bool scales_positions = false;
  // A continuous parameter as the model has it: a fit may start beside it, unless 0. None: it is 1.
  double (*own)(const graph::Op& op) = nullptr;
  // Explains a failure, and is no reason for one by itself: correct engines may do the same.
  bool excusable = false;
  // What the parameter counts; none where it is a number.
  std::span<const std::string_view> names = {};
  // What all the ops are called at once, whatever their layer and label ("every norm"): a place
  // besides. Where it is the only place, the scope is kModel.
  std::string_view all = {};

  // Is it one that a candidate may be failed for where no gate objects?
  bool accuses() const { return severity != FaultClass::kVariant && !excusable; }
};

std::span<const FaultRow> position_faults();
std::span<const FaultRow> attention_faults();
std::span<const FaultRow> norm_faults();
std::span<const FaultRow> linear_faults();
std::span<const FaultRow> wiring_faults();
std::span<const FaultRow> activation_faults();
std::span<const FaultRow> expert_faults();
std::span<const FaultRow> delta_faults();
std::span<const FaultRow> rounding_faults();
std::span<const FaultRow> layout_faults();
std::span<const FaultRow> order_faults();
std::span<const FaultRow> exchange_faults();
std::span<const FaultRow> frequency_faults();
std::span<const FaultRow> routing_faults();
std::span<const FaultRow> factor_faults();
std::span<const FaultRow> weight_faults();
std::span<const FaultRow> pattern_faults();

// All rows, in the order in which causes that give the same values are told.
std::vector<std::span<const FaultRow>> all_fault_rows();

// What of an op's output a mistake is confined to.
struct Part {
  reference::Restriction where;
  std::string says;  // "from position 12 on", "in head 3"
};

// A row at a place.
struct Fault {
  const FaultRow* row = nullptr;
  std::vector<size_t> ops;
  std::optional<int> layer;  // none: every layer, or outside the layers
  std::string place;         // "layer 2", "q_norm of every layer", "final_norm"
  std::string role;          // the place in whichever layer: "", "q_norm", "final_norm"
  double parameter = 0.0;
  size_t order = 0;  // in the library
  std::optional<Part> part;
  std::vector<Fault> with = {};  // made besides, at other ops; `says` and `cause` leave them out

  std::string cause() const { return std::string(row->cause); }
  std::string phrase() const;  // "rotates interleaved pairs"
  std::string says() const;    // "layer 2 rotates interleaved pairs"
  Mutation mutate(const graph::Graph& graph) const;
};

// Can right prompts and weights fail to show it: short prompts, or a norm behind it?
bool may_hide(const graph::Graph& graph, const Fault& fault);

// The same mistake, in more places or fewer, or with another parameter.
bool are_kin(const Fault& a, const Fault& b);

// Every fault that applies to the graph: in each layer, and in all layers at once. The causes of
// `without` are left out.
std::vector<Fault> applicable_faults(const graph::Graph& graph,
                                     const std::vector<std::string>& without = {});

// The fault confined to a part; none for one that works through weights or other inputs.
std::optional<Fault> confine(const graph::Graph& graph, const Fault& fault, Part part);
// The same to one of `count` equal parts of the channels ("head", "channel").
std::optional<Fault> confine(const graph::Graph& graph, const Fault& fault, const char* what,
                             int which, int count);
// The same to each head in turn; empty where the ops' outputs have none.
std::vector<Fault> confine_to_heads(const graph::Graph& graph, const Fault& fault);

}  // namespace plumb::library
