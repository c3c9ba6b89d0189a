// All that one prompt of a candidate is judged on: true values and floors, of the whole forward and
// of each segment on the candidate's own inputs, under the candidate's choices of experts.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "compare/evidence/recorded.h"
#include "compare/evidence/routing.h"
#include "compare/evidence/truth.h"
#include "compare/measure/bits.h"
#include "compare/measure/realised.h"
#include "trace/recording.h"

namespace plumb::evidence {

using measure::Bits;

struct PromptSubject {
  const trace::Prompt* prompt = nullptr;
  const Recorded* recorded = nullptr;
  std::optional<trace::Greedy> greedy;
  const graph::Contract* contract = nullptr;
  // Held to a run whose call past so many positions computes all before it anew; 0: to none such.
  size_t rebuilt_beyond = 0;

  // With one tap recorded there is nothing to replay it from but the prompt; nor is there where the
  // recorded values are not those that a call began from.
  bool alone() const { return recorded->values().size() == 1 || rebuilt_beyond > 0; }
};

// The taps of which the true values are needed to judge `recorded`, in the order of a forward.
std::vector<trace::Tap> taps_to_judge(const graph::Graph& graph, const Recorded& recorded);

class Evidence {
 public:
  // Floors are measured on `replicas` emulations; `confirms`: a failure stands on them.
  Evidence(Truth& truth, const PromptSubject& subject, int replicas, bool confirms);

  // Against the whole forward; for router scores also where none were recorded.
  const Values& values() const { return own_values_ ? *own_values_ : *truth_values_; }
  const Floors& floors() const { return floors_; }
  // Of each segment by itself; empty for a tap that stands alone.
  const Values& local_values() const { return local_values_; }
  const Floors& local_floors() const { return local_floors_; }
  // In 16 bits, how many numbers of a tap are as emulations on the candidate's own inputs have
  // them.
  const std::map<trace::Tap, Bits>& bits() const { return bits_; }
  // The true logits themselves, where the values have something else in their place (readout.h).
  const Matrix& logits() const { return logits_ ? *logits_ : values().at(kLogits); }
  // The noise of each logit of a position: RMS.
  double logit_noise(size_t position) const {
    const Floor& floor = logit_floor_ ? *logit_floor_ : floors_.at(kLogits);
    return floor.rows[position];
  }
  // Of products whose operands the contract rounds to codes, how the emulations' very codes fit.
  const std::map<trace::Tap, measure::Realised>& realised() const { return realised_; }
  const Noise& noise() const { return noise_; }
  // What a reader must know: choices of experts that are ties.
  const std::vector<std::string>& notes() const { return notes_; }

  const Routing& routing() const { return routing_; }
  // What true values are computed under: the candidate's choices, its calls.
  Given given() const {
    return {.choices = &choices_,
            .pieces = pieces(),
            .rebuilt_beyond = s_.rebuilt_beyond,
            .readout = &s_.recorded->readout()};
  }

 private:
  // The sizes of the prompt's calls, where the model's results depend on them.
  const std::vector<size_t>* pieces() const;
  bool is_recorded(int layer) const;
  Given local(const Choices& choices) const;
  void establish_local();
  void measure_local();
  std::optional<Choices> nth_alternatives(size_t k) const;
  bool resolve_local_ties(Choices& choices) const;
  void establish_global();
  void measure_global(const Choices& choices);
  bool drop_wrong_choices(Choices& choices) const;
  void resolve_global_ties();
  void note_ties();

  const PromptSubject& s_;
  Truth& truth_;
  Noise noise_;
  Routing routing_;
  std::vector<trace::Tap> taps_;
  std::optional<Values> values_in_pieces_;
  const Values* truth_values_;
  // Where the candidate's choices are not the truth's, or it shows its logits otherwise.
  std::optional<Values> own_values_;
  std::optional<Matrix> logits_;
  std::optional<Floor> logit_floor_;
  Floors floors_;
  Values local_values_;
  Floors local_floors_;
  std::map<trace::Tap, Bits> bits_;
  Choices choices_;
  std::vector<std::string> notes_;
  std::map<trace::Tap, measure::Realised> realised_;
};

}  // namespace plumb::evidence
