// Approved output: what a report said when somebody last looked at it and found it right.
//
// A test compares with tests/reports/approved/NAME. After a change that is meant, run the tests
// with PLUMB_APPROVE=1, which rewrites the files, and look at the difference before committing it.
#pragma once

#include <string>

namespace plumb::reports {

void expect_approved(const std::string& name, const std::string& text);

}  // namespace plumb::reports
