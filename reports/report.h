// Renders results: the one thing that reports are for. Nothing is judged here.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "reports/baseline.h"
#include "result/result.h"

namespace plumb::reports {

// Reads and joins result files, of one result or of a gate each. Throws InputError for what cannot
// be read, and naming both files where a case and candidate stands twice.
std::vector<result::Result> read_all(const std::vector<std::string>& files);

// An earlier run to compare with; called by its file name in the reports.
Baseline read_baseline(const std::string& file);

// Writes results.json, junit.xml, report.md and index.html into `folder`, made where it is missing.
// Each file is replaced whole or not at all. The bytes depend on the results alone, not on their
// order. Throws InputError when the folder cannot be written.
void write_reports(const std::vector<result::Result>& results,
                   const std::optional<Baseline>& baseline, const std::filesystem::path& folder);

// results.json: a gate's form, a result a line, so that files of different days can be diffed.
std::string json_text(const std::vector<result::Result>& results);

}  // namespace plumb::reports
