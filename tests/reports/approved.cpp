#include "tests/reports/approved.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "base/files.h"

namespace plumb::reports {

void expect_approved(const std::string& name, const std::string& text) {
  const std::filesystem::path file =
      std::filesystem::path(PLUMB_ROOT) / "tests/reports/approved" / name;
  if (std::getenv("PLUMB_APPROVE") != nullptr) base::write_file(file, text);
  ASSERT_TRUE(std::filesystem::exists(file)) << file << ": run once with PLUMB_APPROVE=1";
  EXPECT_EQ(text, base::MappedFile(file).text()) << file;
}

}  // namespace plumb::reports
