#include "trace/trace_file.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <limits>
#include <numeric>

#include "base/errors.h"
#include "trace/logprobs.h"
#include "trace/pieces.h"
#include "trace/tap_names.h"

namespace plumb::trace {
namespace {

using base::InputError;

constexpr size_t kPromptLimit = size_t{1} << 20;
constexpr size_t kTextLimit = 4096;

// By what it begins with; where that tells nothing, by its name.
bool is_safetensors(const std::filesystem::path& path) {
  constexpr std::string_view kHdf5 = "\x89HDF";
  char start[9] = {};  // of safetensors: eight bytes of length, and the header's brace
  std::error_code unreadable;
  if (std::filesystem::is_regular_file(path, unreadable)) {
    std::ifstream(path, std::ios::binary).read(start, sizeof(start));
  }
  if (std::string_view(start, kHdf5.size()) == kHdf5) return false;
  return start[8] == '{' || path.extension() == kSafetensorsEnding;
}

std::unique_ptr<Container> open_container(const std::filesystem::path& path) {
  return is_safetensors(path) ? open_safetensors(path) : open_hdf5(path);
}

std::vector<std::string> split(const std::string& name) {
  std::vector<std::string> parts;
  size_t at = 0;
  while (true) {
    const size_t slash = name.find('/', at);
    parts.push_back(name.substr(at, slash - at));
    if (slash == std::string::npos) return parts;
    at = slash + 1;
  }
}

std::string dataset_name(base::DType dtype, const std::string& prompt, const std::string& leaf) {
  return std::string(base::torch_name(dtype)) + "/" + prompt + "/" + leaf;
}

bool is_token_list(const Dataset& dataset) {
  return dataset.integers && dataset.shape.size() == 1 && dataset.shape[0] <= kPromptLimit;
}

// Why a file without a recorded tap holds none: its groups, or what is in them, have other names.
[[noreturn]] void refuse_names(const TraceFile& file) {
  for (const std::string& name : file.ignored()) {
    const std::vector<std::string> parts = split(name);
    if (parts.size() != 3 || parts[2] == "*") continue;
    if (!base::dtype_from_torch_name(parts[0])) {
      const auto meant = meant_dtype(parts[0]);
      throw InputError(file.path(), parts[0], "is the name of no dtype",
                       meant ? "name the group " + *meant
                             : "groups are named float64, float32, bfloat16 or float16");
    }
    const auto meant = meant_tap(parts[2]);
    throw InputError(file.path(), name, "is the name of no tap, and the trace holds no other",
                     meant ? "name it " + *meant : "docs/formats.md lists the taps");
  }
  throw InputError(file.path(), "", "the trace holds no recorded tap",
                   "record <dtype>/<prompt>/<tap>");
}

}  // namespace

class TraceFile::FileRecording : public Recording, public HoldsLogprobs {
 public:
  FileRecording(const Container& container, base::DType dtype, std::string prompt,
                const Contents& contents)
      : container_(container), dtype_(dtype), prompt_(std::move(prompt)), contents_(contents) {}

  std::vector<Tap> taps() const override { return contents_.taps; }
  std::vector<size_t> shape(const Tap& tap) const override {
    return container_.datasets().at(name(tap.name())).shape;
  }
  Tensor read(const Tap& tap) const override { return read(name(tap.name())); }

  std::optional<Logprobs> logprobs() const override {
    if (!contents_.logprobs && !contents_.logprob_ids) return std::nullopt;
    Logprobs logprobs{.step = logprob_step()};
    if (contents_.logprobs) logprobs.values = read(name(kLogprobs));
    if (contents_.logprob_ids) logprobs.ids = read(name(kLogprobIds));
    return logprobs;
  }

  std::optional<Greedy> greedy() const override {
    if (!contents_.greedy) return std::nullopt;
    const std::string tokens = name("greedy");
    if (!is_token_list(container_.datasets().at(tokens))) {
      throw InputError(container_.path().string(), tokens, "is no list of token ids",
                       "write an int64 [N]");
    }
    Greedy greedy{.tokens = container_.read_integers(tokens)};
    greedy.margins.resize(greedy.tokens.size(), std::numeric_limits<double>::quiet_NaN());
    if (contents_.greedy_margin) read_margins(greedy.margins);
    return greedy;
  }

 private:
  Tensor read(const std::string& full) const {
    return {.shape = container_.datasets().at(full).shape, .values = container_.read_reals(full)};
  }

  // The group's own, or one that holds for several.
  std::optional<double> logprob_step() const {
    const std::string dtype(base::torch_name(dtype_));
    for (const std::string& group : {dtype + "/" + prompt_ + "/", dtype + "/", std::string()}) {
      const auto found = container_.attributes().find(group + kLogprobStep);
      if (found != container_.attributes().end()) return read_step(found->first, found->second);
    }
    return std::nullopt;
  }

  double read_step(const std::string& attribute, const std::string& text) const {
    double step = 0.0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), step);
    if (error != std::errc() || end != text.data() + text.size() || !(step > 0.0 && step < 1.0)) {
      throw InputError(container_.path().string(), attribute, "is '" + text + "'",
                       "write the step of the printed log-probabilities, 0.0001 for four decimals");
    }
    return step;
  }

  void read_margins(std::vector<double>& margins) const {
    const std::string full = name("greedy_margin");
    if (container_.datasets().at(full).shape != std::vector<size_t>{margins.size()}) {
      throw InputError(container_.path().string(), full, "is not as long as greedy",
                       "write a float64 [N]");
    }
    margins = container_.read_reals(full);
  }

  std::string name(const std::string& leaf) const { return dataset_name(dtype_, prompt_, leaf); }

  const Container& container_;
  base::DType dtype_;
  std::string prompt_;
  const Contents& contents_;
};

TraceFile::TraceFile(const std::filesystem::path& path) : container_(open_container(path)) {
  const std::string schema = attribute("schema");
  if (schema != kTraceSchema) {
    throw InputError(path.string(), "schema",
                     schema.empty() ? "the attribute is missing" : "is '" + schema + "'",
                     "a trace says schema = \"" + std::string(kTraceSchema) + "\"");
  }
  for (const auto& [name, dataset] : container_->datasets()) index(name);
  for (auto& [dtype, by_prompt] : runs_) {
    for (auto& [prompt, contents] : by_prompt) {
      std::sort(contents.taps.begin(), contents.taps.end());
      const Prompt* const whole = prompt_of(prompt);
      if (whole == nullptr) {
        ignored_.push_back(dataset_name(dtype, prompt, "*"));
      } else if (whole->name != prompt) {
        read_run(*whole, prompt);  // refuses a wrong name
      }
    }
  }
}

void TraceFile::index(const std::string& name) {
  if (base::one_line(name, name.size()) != name) {
    throw InputError(path(), name, "is no plain name of a dataset", "use printable UTF-8");
  }
  const std::vector<std::string> parts = split(name);
  if (parts.size() == 2 && parts[0] == "prompts") return read_prompt(parts[1]);
  const auto dtype = base::dtype_from_torch_name(parts[0]);
  const bool is_greedy = parts.back() == "greedy";
  const bool is_margin = parts.back() == "greedy_margin";
  const bool is_logprobs = parts.back() == kLogprobs;
  const bool is_logprob_ids = parts.back() == kLogprobIds;
  const std::optional<Tap> tap = parse_tap(parts.back());
  const bool is_known = tap || is_greedy || is_margin || is_logprobs || is_logprob_ids;
  if (!dtype || parts.size() != 3 || !is_known) {
    ignored_.push_back(name);
    return;
  }
  Contents& contents = runs_[*dtype][parts[1]];
  contents.greedy |= is_greedy;
  contents.greedy_margin |= is_margin;
  contents.logprobs |= is_logprobs;
  contents.logprob_ids |= is_logprob_ids;
  if (tap) contents.taps.push_back(*tap);
}

void TraceFile::read_prompt(const std::string& name) {
  const std::string full = "prompts/" + name;
  const Dataset& dataset = container_->datasets().at(full);
  if (!is_token_list(dataset) || dataset.shape[0] == 0) {
    throw InputError(path(), full, "is no list of token ids",
                     "write a non-empty int64 [T] of at most 2^20 ids");
  }
  prompts_.push_back({name, container_->read_integers(full)});
}

// The prompt that a run is of; null where the file has none such.
const Prompt* TraceFile::prompt_of(const std::string& run) const {
  const auto named = [&](const std::string& name) {
    const auto found = std::find_if(prompts_.begin(), prompts_.end(),
                                    [&](const Prompt& prompt) { return prompt.name == name; });
    return found == prompts_.end() ? nullptr : &*found;
  };
  const Prompt* const whole = named(run);
  const size_t mark = run.rfind(kRunMark);
  return whole != nullptr || mark == std::string::npos ? whole : named(run.substr(0, mark));
}

Prompt TraceFile::read_run(const Prompt& prompt, const std::string& name) const {
  Prompt run{.name = name, .tokens = prompt.tokens, .run = name.substr(prompt.name.size() + 1)};
  if (run.run == kBatch || run.run == kReset) return run;
  const auto pieces = parse_pieces(run.run);
  if (!pieces) {
    throw InputError(path(), name, "is no run of " + prompt.name,
                     "name it p@batch, p@reset, or p@ and sizes of calls: p@7+1x30");
  }
  const size_t total = std::accumulate(pieces->begin(), pieces->end(), size_t{0});
  if (total != prompt.tokens.size()) {
    throw InputError(path(), name,
                     "covers " + std::to_string(total) + " positions, " + prompt.name + " has " +
                         std::to_string(prompt.tokens.size()),
                     "the sizes of the calls add up to the prompt's length");
  }
  run.pieces = *pieces;
  return run;
}

std::vector<Prompt> TraceFile::runs(base::DType dtype, const Prompt& prompt) const {
  std::vector<Prompt> runs;
  const auto found = runs_.find(dtype);
  if (found == runs_.end()) return runs;
  for (const auto& [name, contents] : found->second) {
    if (name != prompt.name && prompt_of(name) != nullptr && prompt_of(name)->name == prompt.name) {
      runs.push_back(read_run(prompt, name));
    }
  }
  return runs;
}

std::string TraceFile::attribute(const std::string& name) const {
  const auto found = container_->attributes().find(name);
  return found == container_->attributes().end() ? "" : base::one_line(found->second, kTextLimit);
}

std::vector<base::DType> TraceFile::dtypes() const {
  std::vector<base::DType> all;
  for (const auto& [dtype, by_prompt] : runs_) all.push_back(dtype);
  return all;
}

bool TraceFile::has(base::DType dtype, const std::string& prompt) const {
  const auto found = runs_.find(dtype);
  return found != runs_.end() && found->second.contains(prompt);
}

std::unique_ptr<Recording> TraceFile::recording(base::DType dtype,
                                                const std::string& prompt) const {
  static const Contents kNothing;
  const Contents& contents = has(dtype, prompt) ? runs_.at(dtype).at(prompt) : kNothing;
  return std::make_unique<FileRecording>(*container_, dtype, prompt, contents);
}

FileSource::FileSource(std::shared_ptr<const TraceFile> file, std::optional<base::DType> dtype)
    : file_(std::move(file)) {
  const std::vector<base::DType> held = file_->dtypes();
  std::string names;
  for (const base::DType d : held) {
    names += (names.empty() ? "" : ", ") + std::string(base::torch_name(d));
  }
  if (held.empty()) refuse_names(*file_);
  if (file_->prompts().empty()) {
    throw InputError(file_->path(), "prompts", "the trace does not say what was run",
                     "write the token ids of each prompt as prompts/<p>, int64 [T]");
  }
  if (!dtype && held.size() > 1) {
    throw InputError(file_->path(), "", "the trace holds several dtypes: " + names,
                     "choose one with trace:FILE#dtype");
  }
  producer_.dtype = dtype.value_or(held.front());
  if (std::find(held.begin(), held.end(), producer_.dtype) == held.end()) {
    throw InputError(file_->path(), std::string(base::torch_name(producer_.dtype)),
                     "the trace does not hold this dtype", "it holds " + names);
  }
  producer_.name = file_->attribute("producer");
  producer_.contract = file_->attribute("contract");
}

std::unique_ptr<Recording> FileSource::record(const Prompt& prompt, const TapFilter&, int) {
  return file_->recording(producer_.dtype, prompt.name);
}

}  // namespace plumb::trace
