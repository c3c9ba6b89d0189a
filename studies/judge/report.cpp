#include "studies/judge/report.h"

#include <fmt/format.h>

#include <algorithm>

namespace plumb::studies {
namespace {

using library::FaultClass;

constexpr FaultClass kClasses[] = {FaultClass::kStructural, FaultClass::kVariant,
                                   FaultClass::kSubtle, FaultClass::kRounding};

void print_gates(const Report& report) {
  fmt::print("\n| dtype, gate |");
  for (const FaultClass severity : kClasses) fmt::print(" {} missed |", name_of(severity));
  fmt::print(" clean refused |\n|---|---|---|---|---|---|\n");
  for (const auto& [key, tally] : report.gates) {
    fmt::print("| {}, {} |", key.first, key.second);
    for (const FaultClass severity : kClasses) {
      const auto count = [&](const std::map<FaultClass, int>& counts) {
        return counts.contains(severity) ? counts.at(severity) : 0;
      };
      fmt::print(" {} of {} |", count(tally.missed), count(tally.planted));
    }
    fmt::print(" {} of {} |\n", tally.clean.alarms, tally.clean.runs);
  }
}

void add_counts(std::map<FaultClass, int>& sum, const std::map<FaultClass, int>& other) {
  for (const auto& [severity, count] : other) sum[severity] += count;
}

}  // namespace

std::string_view name_of(FaultClass severity) {
  switch (severity) {
    case FaultClass::kStructural:
      return "structural";
    case FaultClass::kVariant:
      return "variant";
    case FaultClass::kSubtle:
      return "subtle";
    case FaultClass::kRounding:
      return "rounding";
  }
  return {};
}

void Tally::add(const Tally& other) {
  planted += other.planted;
  killed += other.killed;
  blind += other.blind;
  blamed += other.blamed;
  named += other.named;
  wrong += other.wrong;
  same += other.same;
  accepted += other.accepted;
}

void GateTally::add(const GateTally& other) {
  add_counts(planted, other.planted);
  add_counts(missed, other.missed);
  clean.runs += other.clean.runs;
  clean.alarms += other.clean.alarms;
}

void Report::add(const Report& other) {
  for (const auto& [key, tally] : other.tallies) tallies[key].add(tally);
  for (const auto& [key, tally] : other.clean) {
    clean[key].runs += tally.runs;
    clean[key].alarms += tally.alarms;
    clean[key].inconclusive += tally.inconclusive;
  }
  for (const auto& [key, tally] : other.gates) gates[key].add(tally);
  slowest = std::max(slowest, other.slowest);
}

void print(const Report& report, bool holdout) {
  fmt::print(
      "\n| dtype, taps, class | planted | killed | blind | blamed | named | wrong | same |{}\n",
      holdout ? " accepted |" : "");
  fmt::print("|---|---|---|---|---|---|---|---|{}\n", holdout ? "---|" : "");
  for (const auto& [key, t] : report.tallies) {
    fmt::print("| {} | {} | {} | {} | {} | {} | {} | {} |{}\n", key, t.planted, t.killed, t.blind,
               t.blamed, t.named, t.wrong, t.same, holdout ? fmt::format(" {} |", t.accepted) : "");
  }
  for (const auto& [key, clean] : report.clean) {
    fmt::print("clean {}: {} runs, {} false alarms, {} inconclusive\n", key, clean.runs,
               clean.alarms, clean.inconclusive);
  }
  print_gates(report);
}

bool meets_targets(const Report& report) {
  constexpr double kWrong = 0.01;
  int planted = 0;
  int wrong = 0;
  bool met = true;
  for (const auto& [key, tally] : report.tallies) {
    planted += tally.planted;
    wrong += tally.wrong;
    if (!key.ends_with("rounding")) met &= tally.killed + tally.blind == tally.planted;
    met &= tally.accepted == 0;
  }
  for (const auto& [key, clean] : report.clean) met &= clean.alarms == 0;
  return met && wrong <= kWrong * planted;
}

}  // namespace plumb::studies
