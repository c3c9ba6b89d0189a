#include "base/files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <utility>

#include "base/errors.h"

namespace plumb::base {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

[[noreturn]] void fail(const std::filesystem::path& file, const std::string& what) {
  throw InputError(file.string(), "", what + ": " + std::strerror(errno),
                   "check the path and its permissions");
}

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& file) {
  const Descriptor fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (fd.get() < 0) fail(file, "cannot be opened");
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) fail(file, "cannot be examined");
  if (!S_ISREG(status.st_mode)) {
    throw InputError(file.string(), "", "is not a regular file", "name a file to read");
  }
  size_ = static_cast<size_t>(status.st_size);
  if (size_ == 0) return;
  void* mapped = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (mapped == MAP_FAILED) fail(file, "cannot be mapped");
  data_ = static_cast<const std::byte*>(mapped);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

PendingFile::PendingFile(std::filesystem::path target) : target_(std::move(target)) {
  std::error_code ignored;
  const std::filesystem::file_status status = std::filesystem::status(target_, ignored);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    // A rename would put a file in the place of /dev/null.
    throw InputError(target_.string(), "",
                     std::filesystem::is_directory(status) ? "is a folder" : "is no regular file",
                     "name a file to write");
  }
  if (std::filesystem::is_symlink(target_, ignored) && std::filesystem::exists(status)) {
    target_ = std::filesystem::canonical(target_);  // the link stays, what it names is replaced
  }
  temporary_ = target_;
  temporary_ += ".partial-" + std::to_string(::getpid());
}

PendingFile::~PendingFile() {
  if (committed_) return;
  std::error_code ignored;
  std::filesystem::remove(temporary_, ignored);
}

std::ofstream& PendingFile::stream() {
  if (!stream_.is_open()) {
    stream_.open(temporary_, std::ios::binary | std::ios::trunc);
    if (!stream_) fail(target_, "cannot be written");
  }
  return stream_;
}

void PendingFile::commit() {
  if (stream_.is_open()) {
    stream_.close();
    if (!stream_) fail(target_, "cannot be written");
  }
  std::error_code error;
  std::filesystem::rename(temporary_, target_, error);
  if (error) {
    throw InputError(target_.string(), "", "cannot be written: " + error.message(),
                     "check the path and its permissions");
  }
  committed_ = true;
}

void write_file(const std::filesystem::path& file, std::string_view text) {
  PendingFile pending(file);
  pending.stream() << text;
  pending.commit();
}

TemporaryFolder::TemporaryFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "plumb-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) fail(name, "cannot be made");
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace plumb::base
