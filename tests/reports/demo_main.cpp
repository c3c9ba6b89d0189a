// reports_demo FOLDER: writes the reports of made-up results, to look at while changing how they
// look. FOLDER/plain holds those of a run in which all passed, without a baseline.
#include <cstdio>

#include "reports/report.h"
#include "tests/reports/demo.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: reports_demo FOLDER\n", stderr);
    return 2;
  }
  const std::filesystem::path folder = argv[1];
  const plumb::reports::Baseline baseline{"last-week.json", plumb::reports::demo_baseline()};
  plumb::reports::write_reports(plumb::reports::demo_results(), baseline, folder);
  plumb::reports::write_reports(baseline.results, std::nullopt, folder / "plain");
  return 0;
}
