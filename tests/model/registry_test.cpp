#include <gtest/gtest.h>

#include "model/families/family.h"
#include "tests/support/files.h"

namespace plumb::model {
namespace {

TEST(Registry, IsWhatTheReadmePromises) {
  const std::string readme = tests::read_text(std::string(PLUMB_ROOT) + "/README.md");
  for (const Family* family : families()) {
    const std::string quoted = "`" + std::string(family->model_type) + "`";
    EXPECT_NE(readme.find(quoted), std::string::npos) << quoted;
  }
}

}  // namespace
}  // namespace plumb::model
