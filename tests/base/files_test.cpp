#include "base/files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/errors.h"
#include "tests/support/files.h"

namespace plumb::base {
namespace {

using tests::list_files;
using tests::read_text;

TEST(MappedFile, ShowsTheBytes) {
  const TemporaryFolder folder;
  tests::write_text(folder.path() / "some", std::string_view("a\0b", 3));
  EXPECT_EQ(MappedFile(folder.path() / "some").text(), std::string_view("a\0b", 3));
  tests::write_text(folder.path() / "empty", "");
  EXPECT_EQ(MappedFile(folder.path() / "empty").size(), 0U);
}

TEST(MappedFile, RefusesWhatIsNoFileAndNeverWaits) {
  const TemporaryFolder folder;
  EXPECT_THROW(MappedFile(folder.path() / "missing"), InputError);
  EXPECT_THROW(MappedFile(folder.path()), InputError);
  EXPECT_THROW(MappedFile("/dev/zero"), InputError);
  ASSERT_EQ(::mkfifo((folder.path() / "fifo").c_str(), 0600), 0);
  EXPECT_THROW(MappedFile(folder.path() / "fifo"), InputError);
}

TEST(PendingFile, AppearsWholeAtCommit) {
  const TemporaryFolder folder;
  PendingFile file(folder.path() / "target");
  file.stream() << "text";
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "target"));
  file.commit();
  EXPECT_EQ(list_files(folder.path()), std::vector<std::string>{"target"});
  EXPECT_EQ(read_text(folder.path() / "target"), "text");
}

TEST(PendingFile, LeavesNothingAndTheOldFileWithoutCommit) {
  const TemporaryFolder folder;
  tests::write_text(folder.path() / "target", "old");
  try {
    PendingFile file(folder.path() / "target");
    file.stream() << "half";
    file.stream().flush();
    ASSERT_TRUE(std::filesystem::exists(file.temporary()));
    throw InputError("", "", "something went wrong");
  } catch (const InputError&) {
    EXPECT_EQ(list_files(folder.path()), std::vector<std::string>{"target"});
  }
  EXPECT_EQ(read_text(folder.path() / "target"), "old");
}

TEST(PendingFile, WritesThroughALinkAndKeepsIt) {
  const TemporaryFolder folder;
  tests::write_text(folder.path() / "target", "old");
  std::filesystem::create_symlink("target", folder.path() / "link");
  write_file(folder.path() / "link", "new");
  EXPECT_TRUE(std::filesystem::is_symlink(folder.path() / "link"));
  EXPECT_EQ(read_text(folder.path() / "target"), "new");
}

// A rename onto a device would take its place.
TEST(PendingFile, RefusesTargetsThatAreNoFiles) {
  const TemporaryFolder folder;
  EXPECT_THROW(write_file(folder.path(), "text"), InputError);
  ASSERT_EQ(::mkfifo((folder.path() / "fifo").c_str(), 0600), 0);
  EXPECT_THROW(write_file(folder.path() / "fifo", "text"), InputError);
  EXPECT_THROW(write_file("/dev/null", "text"), InputError);
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
  EXPECT_THROW(write_file(folder.path() / "missing" / "file", "text"), InputError);
  EXPECT_THROW(write_file(folder.path() / std::string(300, 'x'), "text"), InputError);
  EXPECT_EQ(list_files(folder.path()), std::vector<std::string>{"fifo"});
}

TEST(PendingFile, SaysWhenTheDiskIsFull) {
  if (!std::filesystem::exists("/dev/full")) return;
  const TemporaryFolder folder;
  PendingFile file(folder.path() / "target");
  std::filesystem::create_symlink("/dev/full", file.temporary());
  file.stream() << "text";
  EXPECT_THROW(file.commit(), InputError);
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "target"));
}

TEST(TemporaryFolder, IsGoneWithAllItHeld) {
  std::filesystem::path path;
  {
    const TemporaryFolder folder;
    path = folder.path();
    std::filesystem::create_directory(path / "inner");
    tests::write_text(path / "inner" / "file", "text");
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace plumb::base
