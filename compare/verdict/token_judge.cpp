#include "compare/verdict/token_judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "compare/measure/gates.h"
#include "compare/measure/tokens.h"

namespace plumb::verdict {
namespace {

using evidence::Evidence;
using evidence::kLogits;
using evidence::measure_floor;
using evidence::Noise;
using evidence::PromptSubject;
using evidence::Truth;
using measure::best_token;
using measure::find_missing;
using measure::flip_probability;
using measure::Floor;
using measure::judge_token;
using measure::Listing;
using measure::log_sum_exp;
using measure::mean_kl_divergence;
using measure::Readout;
using measure::replicas_for;
using measure::TokenJudgement;
using measure::TokenVerdict;
using measure::within;
using reference::Matrix;
using result::Gate;

// Emulations that are asked whether one of them takes a token: a tie of experts that falls the
// other way once in twenty times is among so many.
constexpr int kChoosingReplicas = 64;

class TokenJudge {
 public:
  TokenJudge(Truth& truth, const PromptSubject& subject, const Evidence& evidence,
             PromptFindings& findings)
      : s_(subject), truth_(truth), evidence_(evidence), findings_(findings) {}

  void run() {
    if (s_.recorded->has(kLogits)) judge_logits();
    if (s_.greedy) judge_greedy();
  }

 private:
  void fail(Gate gate, const std::string& tap, const std::string& message) {
    findings_.failures.push_back({gate, tap, s_.prompt->name + ": " + message});
  }

  std::vector<int64_t> continuation() const {
    std::vector<int64_t> known;
    for (const int64_t token : s_.greedy->tokens) {
      if (token < 0 || token >= truth_.graph().vocab_size) break;
      known.push_back(token);
    }
    return known;
  }

  void judge_logits() {
    const Readout& readout = s_.recorded->readout();
    const Matrix& truth = evidence_.logits();
    if (readout.has_channels() && truth.shape(0) == s_.recorded->at(kLogits).shape(0)) {
      const Matrix& shown =
          readout.is_listing() ? s_.recorded->logprobs() : s_.recorded->at(kLogits);
      findings_.kld = mean_kl_divergence(shown, truth);
    }
    if (readout.is_listing()) judge_lost(readout.listing());
    const auto best = s_.recorded->best_tokens();
    for (size_t row = 0; row < best.size(); ++row) {
      const auto& [position, chosen] = best[row];
      const auto logits = reference::row(truth, position);
      // What is printed alike may be in any order.
      double noise = evidence_.logit_noise(position);
      if (readout.is_listing()) {
        const auto shown = reference::row(s_.recorded->logprobs(), row);
        noise += readout.listing().print.step_at(*std::ranges::min_element(shown));
      }
      ++findings_.tokens.compared;
      findings_.flip_odds.push_back(flip_probability(logits, noise));
      count_token(judge_token(logits, noise, chosen), chosen, fmt::format("position {}", position),
                  findings_.tokens.exact);
      if (readout.is_listing()) judge_missing(readout.listing(), row, logits, noise);
    }
  }

  // A token that was given no probability has to have nearly none.
  void judge_lost(const Listing& listing) {
    constexpr double kNearlyNone = -80.0;
    for (const auto& [position, token] : listing.lost) {
      const auto logits = reference::row(evidence_.logits(), position);
      const double due = logits[static_cast<size_t>(token)] - log_sum_exp(logits);
      if (within(due, kNearlyNone)) continue;
      fail(Gate::kProof, kLogits.name(),
           fmt::format("position {}: token {} has a probability of 0, and the truth's logarithm of "
                       "it is {:.3g}",
                       position, token, due));
      return;
    }
  }

  // A token that the truth puts clearly above the least listed one has to be listed. The prompt's
  // own next token may stand beside the best.
  void judge_missing(const Listing& listing, size_t row, std::span<const double> logits,
                     double noise) {
    if (listing.counts[row] == listing.vocab_size) return;
    const auto& tokens = s_.prompt->tokens;
    const size_t next = listing.positions[row] + 1;
    const auto missing =
        find_missing(logits, listing.row(row), noise,
                     next < tokens.size() ? std::optional(tokens[next]) : std::nullopt);
    if (!missing) return;
    if (findings_.tokens.flips++ > 0) return;
    fail(
        Gate::kTokens, "logits",
        fmt::format("position {}: token {} is not listed, and the truth has it {:.3g} ahead of {}, "
                    "which is; a tie is within {:.3g}",
                    listing.positions[row], missing->token, missing->regret, missing->instead_of,
                    missing->allowed));
  }

  void judge_greedy() {
    const std::vector<int64_t> known = continuation();
    if (known.size() < s_.greedy->tokens.size()) {
      fail(Gate::kTokens, "logits",
           fmt::format("greedy token {} lies outside the vocabulary",
                       s_.greedy->tokens[known.size()]));
    }
    if (known.empty()) return;
    const Matrix& logits = truth_.continuation(s_.prompt->tokens, known);
    const Floor floor = greedy_floor(known, logits);
    for (size_t i = 0; i < known.size(); ++i) {
      ++findings_.tokens.greedy_compared;
      TokenJudgement judgement = judge_token(reference::row(logits, i),
                                             floor.rows.empty() ? 0.0 : floor.rows[i], known[i]);
      if (judgement.verdict == TokenVerdict::kFlip && may_choose(known, i, judgement.allowed)) {
        judgement.verdict = TokenVerdict::kCertifiedTie;
      }
      if (judgement.verdict != TokenVerdict::kFlip) ++findings_.tokens.greedy_exact;
      int uncounted = 0;
      count_token(judgement, known[i], fmt::format("greedy step {}", i), uncounted);
    }
  }

  // Where experts tie, the precision may take others, and with them another token: as one of its
  // emulations does.
  bool may_choose(const std::vector<int64_t>& tokens, size_t step, double allowed) {
    if (evidence_.routing().empty()) return false;
    if (!emulated_) {
      Noise noise = evidence_.noise();
      noise.replicas = kChoosingReplicas;
      noise.mode = reference::RoundingMode::kDithered;  // to nearest they all fall alike
      emulated_ = emulate_continuation(truth_.reference(), s_.prompt->tokens, tokens, noise);
    }
    for (size_t row = step; row < emulated_->shape(0); row += tokens.size()) {
      const auto logits = reference::row(std::as_const(*emulated_), row);
      const double best = logits[static_cast<size_t>(best_token(logits))];
      if (within(best - logits[static_cast<size_t>(tokens[step])], allowed)) return true;
    }
    return false;
  }

  // Only a token that is not the best needs a floor.
  Floor greedy_floor(const std::vector<int64_t>& tokens, const Matrix& logits) const {
    for (size_t i = 0; i < tokens.size(); ++i) {
      if (tokens[i] == best_token(reference::row(logits, i))) continue;
      Noise noise = evidence_.noise();
      noise.replicas = replicas_for(noise.replicas, logits.shape(0), logits.shape(1));
      return measure_floor(truth_.reference(), s_.prompt->tokens, tokens, logits, noise);
    }
    return {};
  }

  void count_token(const TokenJudgement& judgement, int64_t chosen, const std::string& place,
                   int& exact) {
    switch (judgement.verdict) {
      case TokenVerdict::kExact:
        ++exact;
        return;
      case TokenVerdict::kCertifiedTie:
        ++findings_.tokens.certified_ties;
        return;
      case TokenVerdict::kFlip:
        if (findings_.tokens.flips++ > 0) return;  // the first says enough
        fail(
            Gate::kTokens, "logits",
            fmt::format("{}: token {} where the truth has {}, {:.3g} ahead; a tie is within {:.3g}",
                        place, chosen, judgement.best, judgement.regret, judgement.allowed));
        return;
    }
  }

  const PromptSubject& s_;
  Truth& truth_;
  const Evidence& evidence_;
  PromptFindings& findings_;
  std::optional<Matrix> emulated_;  // the logits of a continuation
};

}  // namespace

void judge_tokens(Truth& truth, const PromptSubject& subject, const Evidence& evidence,
                  PromptFindings& findings) {
  TokenJudge(truth, subject, evidence, findings).run();
}

}  // namespace plumb::verdict
