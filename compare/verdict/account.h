// Why a candidate departs: a contract other than its own, a mistake, or a mistake beside another
// contract. docs/judgement.md, "Contracts".
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "compare/diagnose/contract_search.h"
#include "compare/diagnose/explanation.h"
#include "compare/verdict/judged.h"
#include "result/result.h"

namespace plumb::verdict {

using diagnose::ContractFit;
using diagnose::Explanation;
using library::Fault;
using result::Result;

class Account {
 public:
  // Judges what was recorded again under another contract, and looks for mistakes there if asked.
  using Again = std::function<Result(const graph::Contract&, bool explains)>;

  // With no `again`, only mistakes under the candidate's own contract are looked for. `result` has
  // a first divergence.
  Account(Truth& truth, const std::deque<Judged>& judged,
          const std::vector<std::string>& unknown_causes, Again again, Result& result)
      : truth_(truth),
        judged_(judged),
        parts_(make_scenes(judged).empty() ? finite_parts(truth, judged) : std::deque<Judged>()),
        scenes_(make_scenes(parts_.empty() ? judged : parts_)),
        unknown_causes_(unknown_causes),
        again_(std::move(again)),
        result_(result) {}

  // `known`: where a gate found the cause itself. Returns the contract that accounts for the
  // departure, if one does.
  const graph::Contract* run(const std::optional<Explanation>& known);

 private:
  std::vector<ContractFit> find_fits(const Fault* beside) const;
  const ContractFit* first_kept(const std::vector<ContractFit>& fits) const;
  void explain_by(const ContractFit& fit);
  bool explain_beside(const std::vector<ContractFit>& fits);
  bool explain_with(const std::vector<Fault>& near);

  Truth& truth_;
  const std::deque<Judged>& judged_;
  std::deque<Judged> parts_;  // where no prompt is finite
  std::vector<Scene> scenes_;
  const std::vector<std::string>& unknown_causes_;
  Again again_;
  Result& result_;
};

}  // namespace plumb::verdict
