// What the tests of trace files share: an HDF5 file in a folder of its own.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "base/files.h"
#include "tests/support/hdf5_builder.h"
#include "tests/support/refusal.h"
#include "trace/trace_file.h"

namespace plumb::trace {

inline const Tap kLogits{TapId::kLogits, -1};
inline const Tap kOut{TapId::kOut, 1};

inline std::vector<double> ramp(size_t count) {
  std::vector<double> values(count);
  for (size_t i = 0; i < count; ++i) values[i] = std::sin(static_cast<double>(i));
  return values;
}

class TraceFileTest : public testing::Test {
 protected:
  // Writes an HDF5 file that says it is a trace, and what else `fill` puts into it.
  template <class Fill>
  TraceFile read(Fill&& fill) {
    {
      tests::Hdf5Builder builder(file_);
      builder.text_attribute("schema", "plumbline.trace/1", true);
      fill(builder);
    }
    return TraceFile(file_);
  }
  template <class Fill>
  std::string refusal_of(Fill&& fill) {
    const std::string line = tests::refusal([&] { read(fill); });
    EXPECT_TRUE(line.empty() || line.starts_with(file_.string())) << line;
    return line;
  }
  // What reading one dataset of a file that can be opened is refused with.
  template <class Fill>
  std::string refusal_to_read(Fill&& fill) {
    return tests::refusal([&] {
      const TraceFile trace = read(fill);
      trace.recording(base::DType::kF64, "p0")->read(kLogits);
    });
  }

  base::TemporaryFolder folder_;
  std::filesystem::path file_ = folder_.path() / "trace.h5";
};

}  // namespace plumb::trace
