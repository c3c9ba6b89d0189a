#include "compare/kernel/check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "base/errors.h"
#include "base/files.h"
#include "base/safetensors.h"
#include "compare/kernel/attributes.h"
#include "compare/kernel/naming.h"
#include "compare/kernel/plugs.h"
#include "compare/kernel/sequences.h"
#include "compare/kernel/sketch.h"
#include "compare/verdict/judge.h"
#include "graph/printer.h"
#include "model/weights.h"

namespace plumb::kernel {
namespace {

using base::InputError;
using trace::Tap;

constexpr const char* kFirstPosition = "first_position";
constexpr int64_t kMostPosition = 1 << 30;

// Recordings of tensors that were read before.
class Held : public trace::Source {
 public:
  Held(trace::Producer producer, std::vector<trace::Prompt> prompts)
      : producer_(std::move(producer)), prompts_(std::move(prompts)) {}

  trace::MemoryRecording& of(const std::string& prompt) { return recordings_[prompt]; }

  const trace::Producer& producer() const override { return producer_; }
  std::vector<trace::Prompt> prompts() const override { return prompts_; }
  std::unique_ptr<trace::Recording> record(const trace::Prompt& prompt, const trace::TapFilter&,
                                           int) override {
    return std::make_unique<trace::MemoryRecording>(recordings_.at(prompt.name));
  }

 private:
  trace::Producer producer_;
  std::vector<trace::Prompt> prompts_;
  std::map<std::string, trace::MemoryRecording> recordings_;
};

// The attributes of a call, sorted out.
struct Setting {
  Kinds kinds;
  std::map<std::string, int64_t> sizes;
  std::optional<int64_t> first_position;
};

Setting read_attributes(const KernelOp& op, const Call& call) {
  Setting setting{.kinds = op.kinds(), .sizes = {}, .first_position = {}};
  std::vector<std::string> seen;
  for (const auto& [name, value] : call.attributes) {
    if (std::ranges::find(seen, name) != seen.end()) {
      throw InputError("--set", name, "is set twice", "set it once");
    }
    seen.push_back(name);
    if (name == kFirstPosition && op.find(Port::Kind::kPositions, "positions") != nullptr) {
      setting.first_position = parse_whole(name, value, 0, kMostPosition);
    } else if (is_size(op, name)) {
      setting.sizes[name] = parse_whole(name, value, 1, kMostPosition);
    } else {
      set_attribute(op, setting.kinds, name, value);
    }
  }
  return setting;
}

void finish(const KernelOp& op, const Shapes& shapes, const std::vector<Plugged>& inputs,
            Kinds& kinds) {
  const auto has = [&](std::string_view port) {
    return std::ranges::any_of(inputs, [&](const Plugged& p) { return p.port->name == port; });
  };
  for (const auto& [name, size] : shapes.all()) set_size(kinds, name, size.value);
  set_presence(kinds, "bias", has("gate_bias") || has("up_bias") || has("down_bias"));
  set_presence(kinds, "correction_bias", has("correction"));
  set_from_sizes(kinds);
  check_attributes(op, kinds);
}

// Ids must name something.
std::vector<int64_t> read_ids(const Plugged& plugged, int64_t count) {
  std::vector<int64_t> ids;
  for (const double value : plugged.tensor.values()) {
    if (!(value >= 0.0 && value < static_cast<double>(count)) || value != std::floor(value)) {
      throw InputError(plugged.tensor.where, plugged.tensor.item,
                       fmt::format("{} hold {}", plugged.port->name, value),
                       fmt::format("they are whole numbers of 0 to {}", count - 1));
    }
    ids.push_back(static_cast<int64_t>(value));
  }
  return ids;
}

// The token of each row: its index, or what the embedding looks up.
std::vector<int64_t> find_tokens(const Shapes& shapes, const std::vector<Plugged>& inputs) {
  std::vector<int64_t> tokens(static_cast<size_t>(shapes.at("T") * shapes.batch()));
  for (size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<int64_t>(i);
  for (const Plugged& plugged : inputs) {
    if (plugged.port->name == "tokens") tokens = read_ids(plugged, shapes.at("vocab"));
    if (plugged.port->name == "ids") read_ids(plugged, shapes.at("experts"));
  }
  return tokens;
}

base::DType dtype_of(const std::vector<Plugged>& inputs, const std::vector<Plugged>& outputs) {
  for (const auto* all : {&outputs, &inputs}) {
    for (const Plugged& plugged : *all) {
      if (const auto dtype = plugged.tensor.plain()) return *dtype;
    }
  }
  return base::DType::kF32;
}

trace::Tensor rows_of(const graph::Graph& graph, const Tap& tap, const reference::Matrix& all,
                      const std::vector<int64_t>& rows) {
  trace::Tensor tensor{.shape = graph.tap_shape(tap, rows.size()), .values = {}};
  for (const int64_t i : rows) {
    const auto row = reference::row(all, static_cast<size_t>(i));
    tensor.values.insert(tensor.values.end(), row.begin(), row.end());
  }
  return tensor;
}

Held hold(const KernelOp& op, const Drawing& drawing, const Sequences& sequences,
          const std::vector<int64_t>& tokens, base::DType dtype) {
  std::vector<trace::Prompt> prompts;
  for (size_t k = 0; k < sequences.rows.size(); ++k) {
    const bool alone = sequences.rows.size() == 1;
    trace::Prompt& prompt = prompts.emplace_back();
    prompt.name = alone ? std::string(op.name) : fmt::format("{}[{}]", op.name, k);
    for (const int64_t row : sequences.rows[k]) {
      prompt.tokens.push_back(tokens[static_cast<size_t>(row)]);
    }
  }
  Held held({.name = {}, .dtype = dtype, .contract = {}}, prompts);
  for (size_t k = 0; k < prompts.size(); ++k) {
    trace::MemoryRecording& recording = held.of(prompts[k].name);
    for (const auto& [tap, all] : drawing.recorded) {
      recording.put(tap, rows_of(drawing.graph, tap, all, sequences.rows[k]));
    }
    for (const auto& [tap, state] : drawing.states) recording.put(tap, state);
  }
  return held;
}

// The new rows of a cache that was recorded are the op's output, where that was not recorded.
void take_output_from_cache(const Sequences& sequences, Drawing& drawing) {
  for (const graph::Slot& slot : drawing.graph.slots) {
    const auto state = drawing.states.find(slot.tensors.front().tap);
    if (!slot.outputs || state == drawing.states.end()) continue;
    const graph::Value& value = drawing.graph.value(drawing.graph.ops[slot.op].outputs.front());
    if (drawing.recorded.contains(value.taps.front())) continue;
    const size_t rows = sequences.rows.front().size();
    if (state->second.rows() < rows) continue;
    const auto width = static_cast<size_t>(value.width());
    reference::Matrix& out = drawing.recorded[value.taps.front()] =
        reference::make_matrix(rows, width);
    std::copy(state->second.values.end() - static_cast<ptrdiff_t>(rows * width),
              state->second.values.end(), out.data());
  }
}

// A checkpoint of the call's weights alone: what a graph reads them from.
void write_weights(const Drawing& drawing, const std::filesystem::path& folder) {
  base::write_file(folder / model::kConfigJson, "{}");
  std::vector<base::SafetensorsEntry> entries;
  size_t end = 0;
  for (const auto& [id, tensor] : drawing.weights) {
    const size_t begin = end;
    end += tensor.bytes.size();
    entries.push_back({id.name(), tensor.dtype, tensor.shape, begin, end});
  }
  base::PendingFile file(folder / "model.safetensors");
  const std::string header = base::safetensors_header(entries, {});
  file.stream().write(header.data(), static_cast<std::streamsize>(header.size()));
  for (const auto& [id, tensor] : drawing.weights) {
    file.stream().write(reinterpret_cast<const char*>(tensor.bytes.data()),
                        static_cast<std::streamsize>(tensor.bytes.size()));
  }
  file.commit();
}

model::NameTable names_of(const Drawing& drawing) {
  model::NameTable names;
  for (const auto& [id, tensor] : drawing.weights) names.name(id.role, id.name());
  return names;
}

std::string attributes_note(const Kinds& kinds, const Sequences& sequences) {
  std::vector<std::string> texts;
  for (const graph::OpKind& kind : kinds) {
    const std::string text = graph::attributes_text(kind);
    const graph::Op op{.kind = kind, .layer = 0, .inputs = {}, .outputs = {}, .weights = {}};
    texts.push_back(fmt::format("{}({})", op.name(), text));
  }
  return fmt::format("judged as {}, from position {} on", fmt::join(texts, ", "),
                     sequences.positions.front());
}

}  // namespace

result::Result check(const Call& call, const base::Threads& threads) {
  const KernelOp& op = find_kernel_op(call.op);
  Setting setting = read_attributes(op, call);
  const std::vector<Plugged> inputs = plug_inputs(op, call.inputs);
  const std::vector<Plugged> outputs = plug_outputs(op, call.outputs);
  std::vector<Plugged> all = inputs;
  all.insert(all.end(), outputs.begin(), outputs.end());
  const Shapes shapes(op, all, setting.sizes);
  finish(op, shapes, inputs, setting.kinds);

  const std::vector<int64_t> tokens = find_tokens(shapes, all);
  Sketch sketch(op, setting.kinds, inputs, outputs, shapes);
  op.build(sketch);
  Drawing drawing = sketch.take();
  const int64_t past = drawing.outset.state ? drawing.outset.state->position : 0;
  const Sequences sequences =
      find_sequences(op, setting.kinds, shapes, inputs, setting.first_position.value_or(past));
  if (sequences.rows.size() > 1 && (drawing.outset.state || !drawing.states.empty())) {
    throw InputError(std::string(op.name), "", "is given state beside several sequences",
                     "give one sequence a call where state is carried");
  }
  if (drawing.outset.state) drawing.outset.state->position = past;
  if (shapes.has("vocab")) {
    drawing.graph.vocab_size = static_cast<int>(shapes.at("vocab"));
  } else {
    drawing.outset.positions = sequences.positions;
  }
  take_output_from_cache(sequences, drawing);

  const base::DType dtype = dtype_of(inputs, outputs);
  Held held = hold(op, drawing, sequences, tokens, dtype);
  const base::TemporaryFolder folder;
  write_weights(drawing, folder.path());
  const model::Checkpoint checkpoint(folder.path());
  const model::Weights weights(checkpoint, drawing.graph.weights, names_of(drawing));
  const reference::Reference reference(drawing.graph, weights, threads, &drawing.outset);
  verdict::Subject subject{.case_name = std::string(op.name), .family = "op"};
  subject.candidate = &held;
  subject.candidate_name = call.candidate_name;
  subject.prompts = held.prompts();
  subject.contract = call.contract != nullptr ? call.contract : &graph::default_contract(dtype);
  subject.notes = {attributes_note(setting.kinds, sequences)};
  const bool single =
      std::ranges::all_of(sequences.rows, [](const auto& rows) { return rows.size() == 1; });
  if (single) subject.impossible = {"mask_missing", "mask_next"};  // no later position is there
  verdict::Judge judge(reference, nullptr);
  result::Result result =
      call.best_contract ? judge.judge_under_best(subject) : judge.judge(subject);
  rename(op, drawing.names, result);
  return result;
}

}  // namespace plumb::kernel
