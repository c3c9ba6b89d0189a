#include "base/npy.h"

#include <gtest/gtest.h>

#include "base/errors.h"
#include "tests/support/files.h"

namespace plumb::base {
namespace {

using tests::write_text;

// A file of version 1 with this dict and so many bytes of data.
std::string npy(const std::string& dict, size_t data, char version = 1) {
  std::string text = "\x93NUMPY";
  text += version;
  text += '\0';
  text += static_cast<char>(dict.size() % 256);
  text += static_cast<char>(dict.size() / 256);
  if (version > 1) text += std::string(2, '\0');
  return text + dict + std::string(data, '\1');
}

const std::string kGood = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }     \n";

class NpyFileTest : public testing::Test {
 protected:
  NpyFile read(const std::string& bytes) {
    write_text(folder_.path() / "a.npy", bytes);
    return NpyFile(folder_.path() / "a.npy");
  }
  TemporaryFolder folder_;
};

TEST_F(NpyFileTest, ReadsShapeTypeAndOrder) {
  const NpyFile file = read(npy(kGood, 24));
  EXPECT_EQ(file.dtype(), "F32");
  EXPECT_EQ(file.shape(), (std::vector<int64_t>{2, 3}));
  EXPECT_FALSE(file.fortran_order());
  EXPECT_EQ(file.bytes().size(), 24U);
  const NpyFile other =
      read(npy("{\"shape\": (4,), \"descr\": \"<i8\", \"fortran_order\": True}", 32, 2));
  EXPECT_EQ(other.dtype(), "I64");
  EXPECT_EQ(other.shape(), (std::vector<int64_t>{4}));
  EXPECT_TRUE(other.fortran_order());
  EXPECT_TRUE(
      read(npy("{'descr': '<f8', 'fortran_order': False, 'shape': ()}", 8)).shape().empty());
}

TEST_F(NpyFileTest, RefusesEveryTruncation) {
  const std::string whole = npy(kGood, 24);
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_THROW(read(whole.substr(0, size)), InputError) << size;
  }
  EXPECT_THROW(read(whole + "x"), InputError);
}

TEST_F(NpyFileTest, RefusesWhatIsNoPlainArray) {
  for (const char* dict : {
           "",
           "{}",
           "{'descr': '<f4', 'fortran_order': False}",
           "{'descr': '<f4', 'fortran_order': 0, 'shape': (6,)}",
           "{'descr': '>f4', 'fortran_order': False, 'shape': (6,)}",
           "{'descr': '|O', 'fortran_order': False, 'shape': (6,)}",
           "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (6,)}",
           "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (6,)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (-6,)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (6.0,)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (6,)} and more",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (6,), 'other': 1}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (2,3,1,1,1,1,1,1,1)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
       }) {
    EXPECT_THROW(read(npy(dict, 24)), InputError) << dict;
  }
  EXPECT_THROW(read(npy(kGood, 24, 4)), InputError);
  EXPECT_THROW(read(npy(std::string(60000, ' '), 24)), InputError);
}

}  // namespace
}  // namespace plumb::base
