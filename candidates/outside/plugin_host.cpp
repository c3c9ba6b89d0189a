#include "candidates/outside/plugin_host.h"

#include <dlfcn.h>

#include <algorithm>
#include <optional>

#include "base/errors.h"
#include "candidates/outside/outside.h"
#include "plumbline/engine.h"
#include "trace/engine.h"
#include "trace/pieces.h"
#include "trace/trace_writer.h"

namespace plumb::candidates {
namespace {

using base::InputError;
using trace::Prompt;

constexpr const char* kSymbol = "plumbline_engine";
constexpr const char* kMend = "plumbline/engine.h describes the interface";
constexpr size_t kErrorBytes = 1024;
constexpr int64_t kMostElements = int64_t{1} << 32;

// Takes the taps that are wished for, as a call hands them over.
class Taps {
 public:
  Taps(const std::string& library, const trace::TapFilter& filter, size_t positions,
       trace::Sink& sink)
      : library_(library), filter_(filter), positions_(positions), sink_(sink) {}

  plumbline_sink interface() {
    return {
        this,
        [](void* self, const char* name) { return static_cast<Taps*>(self)->wants(name) ? 1 : 0; },
        [](void* self, const char* name, const float* values, const int64_t* shape, int rank) {
          static_cast<Taps*>(self)->put(name, values, shape, rank);
        }};
  }
  // What was wrong with a tap: nothing is thrown through C.
  void check() const {
    if (!problem_.empty()) throw InputError(library_, tap_, problem_, kMend);
  }

 private:
  bool wants(const char* name) const {
    const auto tap = trace::parse_tap(name);
    return tap && filter_.matches(*tap);
  }

  void put(const char* name, const float* values, const int64_t* shape, int rank) {
    if (!problem_.empty()) return;
    tap_ = name;
    if (!wants(name)) return;
    trace::Tensor tensor;
    int64_t elements = 1;
    constexpr int kMostAxes = 8;
    bool fits = rank >= 1 && rank <= kMostAxes && values != nullptr;
    for (int axis = 0; fits && axis < rank; ++axis) {
      fits = shape[axis] > 0 && shape[axis] <= kMostElements / elements;
      if (!fits) break;
      elements *= shape[axis];
      tensor.shape.push_back(static_cast<size_t>(shape[axis]));
    }
    const trace::Tap tap = *trace::parse_tap(name);
    if (fits && !trace::definition(tap.id).state) fits = tensor.rows() == positions_;
    if (!fits) {
      problem_ = "has a shape of no tap: the first axis is as long as the call, " +
                 std::to_string(positions_);
      return;
    }
    tensor.values.assign(values, values + elements);
    sink_.put(tap, std::move(tensor));
  }

  const std::string& library_;
  const trace::TapFilter& filter_;
  size_t positions_;
  trace::Sink& sink_;
  std::string tap_;
  std::string problem_;
};

class Library {
 public:
  explicit Library(const std::string& file) : file_(file) {
    void* const loaded = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (loaded == nullptr) throw InputError(file, "", "cannot be loaded", ::dlerror());
    using Entry = const plumbline_engine_table* (*)();
    const auto entry = reinterpret_cast<Entry>(::dlsym(loaded, kSymbol));
    if (entry == nullptr) throw InputError(file, "", "exports no plumbline_engine()", kMend);
    table_ = entry();
    const bool known = table_ != nullptr && table_->version == PLUMBLINE_ENGINE_VERSION;
    if (!known) {
      throw InputError(
          file, "version",
          table_ == nullptr ? "the table is null" : "is " + std::to_string(table_->version),
          "this program knows version " + std::to_string(PLUMBLINE_ENGINE_VERSION));
    }
    const bool whole = table_->open != nullptr && table_->describe != nullptr &&
                       table_->run != nullptr && table_->reset != nullptr &&
                       table_->close != nullptr;
    if (!whole) throw InputError(file, "", "leaves a function of its table null", kMend);
  }
  ~Library() {
    if (engine_ != nullptr) table_->close(engine_);
  }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  void open(const Request& request, const std::string& options) {
    char error[kErrorBytes] = {};
    const std::string dtype(request.dtype ? base::torch_name(*request.dtype) : "");
    engine_ = table_->open(request.checkpoint.c_str(), dtype.c_str(), options.c_str(),
                           request.threads, error, sizeof(error));
    if (engine_ == nullptr) throw InputError(file_, "open", told(error));
  }

  std::string describe(const char* key) const {
    const char* const text = table_->describe(engine_, key);
    return text == nullptr ? "" : text;
  }

  void run(std::span<const int64_t> tokens, const trace::TapFilter& filter, trace::Sink& sink) {
    Taps taps(file_, filter, tokens.size(), sink);
    const plumbline_sink interface = taps.interface();
    char error[kErrorBytes] = {};
    const int code =
        table_->run(engine_, tokens.data(), tokens.size(), &interface, error, sizeof(error));
    check(code, "run", error);
    taps.check();
  }

  void reset() {
    char error[kErrorBytes] = {};
    check(table_->reset(engine_, error, sizeof(error)), "reset", error);
  }

 private:
  static std::string told(char* error) {
    error[kErrorBytes - 1] = '\0';
    return *error == '\0' ? "fails without a word" : "fails: " + std::string(error);
  }
  void check(int code, const char* function, char* error) const {
    if (code == PLUMBLINE_OK) return;
    if (code == PLUMBLINE_CANNOT) throw CannotDo(file_ + ": " + function + ": " + told(error));
    throw InputError(file_, function, told(error));
  }

  std::string file_;
  const plumbline_engine_table* table_ = nullptr;
  void* engine_ = nullptr;
};

trace::TapFilter filter_of(const Request& request) {
  std::string all;
  for (const std::string& tap : request.taps) all += (all.empty() ? "" : ",") + tap;
  return trace::TapFilter(all);
}

class Host {
 public:
  Host(Library& library, const Request& request, base::DType dtype, trace::TraceWriter& writer)
      : library_(library),
        request_(request),
        dtype_(dtype),
        writer_(writer),
        filter_(filter_of(request)) {}

  void run() {
    for (const Prompt& prompt : request_.prompts) {
      writer_.add_prompt(prompt);
      for (const std::string& run : request_.runs) {
        if (run == prompt.name) {
          whole(prompt);
        } else if (run.starts_with(prompt.name + trace::kRunMark)) {
          otherwise(prompt, run, run.substr(prompt.name.size() + 1));
        }
      }
    }
  }

 private:
  void whole(const Prompt& prompt) {
    library_.reset();
    trace::MemoryRecording taken;
    trace::LastLogits logits(&taken);
    library_.run(prompt.tokens, filter_, logits);
    hand_on(prompt.name, taken);
    if (request_.greedy == 0 || logits.values().empty()) return;
    try {
      continue_greedily(prompt, logits);
    } catch (const CannotDo&) {  // it has no state: the prompt stands by itself
    }
  }

  void continue_greedily(const Prompt& prompt, trace::LastLogits last) {
    trace::Greedy greedy;
    const trace::TapFilter logits("logits");
    while (true) {
      const trace::TopTwo top = trace::top_two(last.values());
      greedy.tokens.push_back(top.token);
      greedy.margins.push_back(top.margin);
      if (static_cast<int>(greedy.tokens.size()) == request_.greedy) break;
      trace::LastLogits next;
      library_.run({&greedy.tokens.back(), 1}, logits, next);
      if (next.values().empty()) throw CannotDo("gives no logits");
      last = next;
    }
    writer_.add_greedy(dtype_, prompt.name, greedy);
  }

  // What the engine cannot do is left out.
  void otherwise(const Prompt& prompt, const std::string& name, const std::string& way) {
    const auto pieces = trace::parse_pieces(way);
    if (!pieces && way != trace::kReset) return;
    trace::JoiningSink joining;
    try {
      library_.reset();
      if (pieces) {
        size_t first = 0;
        for (const size_t size : *pieces) {
          library_.run(std::span(prompt.tokens).subspan(first, size), filter_, joining);
          first += size;
        }
      } else {
        trace::MemoryRecording unused;
        library_.run(other(prompt), trace::TapFilter("logits"), unused);
        library_.reset();
        library_.run(prompt.tokens, filter_, joining);
      }
    } catch (const CannotDo&) {
      return;
    }
    trace::MemoryRecording taken;
    joining.hand_on(taken);
    hand_on(name, taken);
  }

  const std::vector<int64_t>& other(const Prompt& prompt) const {
    const auto found = std::ranges::find_if(
        request_.prompts, [&](const Prompt& another) { return another.tokens != prompt.tokens; });
    return found == request_.prompts.end() ? prompt.tokens : found->tokens;
  }

  void hand_on(const std::string& run, const trace::MemoryRecording& taken) {
    const auto sink = writer_.run(dtype_, run);
    for (const trace::Tap& tap : taken.taps()) sink->put(tap, taken.at(tap));
  }

  Library& library_;
  const Request& request_;
  base::DType dtype_;
  trace::TraceWriter& writer_;
  trace::TapFilter filter_;
};

}  // namespace

void host_plugin(const std::string& library, const std::string& options,
                 const std::filesystem::path& asked, const std::filesystem::path& trace) {
  const Request request = read_request(asked);
  Library loaded(library);
  loaded.open(request, options);
  const std::string name = loaded.describe("dtype");
  const auto dtype = base::dtype_from_torch_name(name);
  if (!dtype) {
    throw InputError(library, "describe(\"dtype\")", "is '" + name + "'",
                     "known: float64, float32, bfloat16, float16");
  }
  std::map<std::string, std::string> attributes;
  for (const char* key : {"producer", "contract"}) {
    const std::string text = loaded.describe(key);
    if (!text.empty()) attributes[key] = text;
  }
  trace::TraceWriter writer(trace, attributes);
  Host(loaded, request, *dtype, writer).run();
  writer.commit();
}

}  // namespace plumb::candidates
