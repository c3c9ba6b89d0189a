// A recording: what one forward of one prompt left behind, by tap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/dtype.h"
#include "trace/tap.h"

namespace plumb::trace {

// Row-major values, widened to float64 whatever the producer's dtype. The first axis is the
// position; all others together are the width of a row.
struct Tensor {
  std::vector<size_t> shape;
  std::vector<double> values;

  size_t rows() const { return shape.empty() ? 0 : shape[0]; }
  size_t width() const;
  std::span<const double> row(size_t position) const;
};

// Names a run of a prompt otherwise than at once: "p0@7+1x30", "p0@batch", "p0@reset".
inline constexpr char kRunMark = '@';
inline constexpr std::string_view kBatch = "batch";  // as one row of a ragged batch
inline constexpr std::string_view kReset = "reset";  // after another prompt and a reset
std::string run_name(const std::string& prompt, std::string_view run);

struct Prompt {
  std::string name;  // with the run's
  std::vector<int64_t> tokens;
  std::string run = {};             // empty: at once, by a fresh session
  std::vector<size_t> pieces = {};  // sizes of its calls; empty: one
};

// A greedy continuation. margins[i]: top-1 minus top-2 logit at step i, NaN where not recorded.
struct Greedy {
  std::vector<int64_t> tokens;
  std::vector<double> margins;
};

// Takes taps as they are produced, each once; the tensor is the sink's to keep.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void put(const Tap& tap, Tensor tensor) = 0;
};

class Recording {
 public:
  virtual ~Recording() = default;

  virtual std::vector<Tap> taps() const = 0;  // sorted, in the order of a forward
  virtual std::vector<size_t> shape(const Tap& tap) const = 0;
  virtual Tensor read(const Tap& tap) const = 0;
  virtual std::optional<Greedy> greedy() const = 0;

  bool has(const Tap& tap) const;
};

class MemoryRecording : public Recording, public Sink {
 public:
  void put(const Tap& tap, Tensor tensor) override { tensors_[tap] = std::move(tensor); }
  void put(Greedy greedy) { greedy_ = std::move(greedy); }

  std::vector<Tap> taps() const override;
  std::vector<size_t> shape(const Tap& tap) const override { return tensors_.at(tap).shape; }
  Tensor read(const Tap& tap) const override { return tensors_.at(tap); }
  std::optional<Greedy> greedy() const override { return greedy_; }
  const Tensor& at(const Tap& tap) const { return tensors_.at(tap); }

 private:
  std::map<Tap, Tensor> tensors_;
  std::optional<Greedy> greedy_;
};

// Who computed, in which precision.
struct Producer {
  std::string name;
  base::DType dtype = base::DType::kF64;
  std::string contract;  // the precision contract that it declares; empty: its dtype's
};

// Where recordings come from: a file, or an engine that runs what it is asked to. All that
// comparing knows of a candidate.
class Source {
 public:
  virtual ~Source() = default;

  virtual const Producer& producer() const = 0;
  // The prompts of a file; empty for an engine, which takes any.
  virtual std::vector<Prompt> prompts() const = 0;
  // Further runs of a prompt that a file holds: in pieces, in a batch, after a reset.
  virtual std::vector<Prompt> runs(const Prompt&) const { return {}; }
  // Runs `prompt` (or finds it), recording the taps of `filter` and, where greedy_steps > 0 and the
  // source can, a greedy continuation of that many tokens. A file gives what it holds.
  virtual std::unique_ptr<Recording> record(const Prompt& prompt, const TapFilter& filter,
                                            int greedy_steps) = 0;
};

}  // namespace plumb::trace
