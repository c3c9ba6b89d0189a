#include <map>

#include "base/errors.h"
#include "base/files.h"
#include "base/safetensors.h"
#include "trace/trace_output.h"

namespace plumb::trace {
namespace {

// The data go to files beside the target first, since the header, which comes before them, is known
// last: numbers of eight bytes, then those of four, so that all are aligned.
class SafetensorsOutput : public TraceOutput {
 public:
  explicit SafetensorsOutput(const std::filesystem::path& path)
      : path_(path), pending_(path), wide_(path, ".wide"), narrow_(path, ".narrow") {
    pending_.stream();  // refuses a folder that cannot be written at once
  }

  void attribute(const std::string& name, const std::string& text) override {
    metadata_[name] = text;
  }

  void integers(const std::string& name, const std::vector<size_t>& shape,
                std::span<const int64_t> values) override {
    wide_.add(name, "I64", shape, std::as_bytes(values));
  }

  void reals(const std::string& name, const std::vector<size_t>& shape,
             std::span<const double> values, bool doubles) override {
    if (doubles) return wide_.add(name, "F64", shape, std::as_bytes(values));
    const std::vector<float> floats(values.begin(), values.end());
    narrow_.add(name, "F32", shape, std::as_bytes(std::span(floats)));
  }

  void commit() override {
    std::vector<base::SafetensorsEntry> entries = wide_.entries();
    for (base::SafetensorsEntry entry : narrow_.entries()) {
      entry.begin += wide_.size();
      entry.end += wide_.size();
      entries.push_back(std::move(entry));
    }
    pending_.stream() << base::safetensors_header(entries, metadata_);
    wide_.copy_to(pending_.stream());
    narrow_.copy_to(pending_.stream());
    pending_.commit();
  }

 private:
  // Tensors of one width, in a file that never gets its name.
  class Spool {
   public:
    Spool(const std::filesystem::path& target, const char* mark)
        : file_(std::filesystem::path(target) += mark) {}

    const std::vector<base::SafetensorsEntry>& entries() const { return entries_; }
    size_t size() const { return size_; }

    void add(const std::string& name, const char* dtype, const std::vector<size_t>& shape,
             std::span<const std::byte> bytes) {
      entries_.push_back({.name = name,
                          .dtype = dtype,
                          .shape = {shape.begin(), shape.end()},
                          .begin = size_,
                          .end = size_ + bytes.size()});
      size_ += bytes.size();
      file_.stream().write(reinterpret_cast<const char*>(bytes.data()),
                           static_cast<std::streamsize>(bytes.size()));
    }

    void copy_to(std::ofstream& target) {
      if (size_ == 0) return;
      file_.stream().close();
      const base::MappedFile written(file_.temporary());
      if (written.size() != size_) target.setstate(std::ios::badbit);  // the disk is full
      target << written.text();
    }

   private:
    base::PendingFile file_;
    std::vector<base::SafetensorsEntry> entries_;
    size_t size_ = 0;
  };

  std::filesystem::path path_;
  base::PendingFile pending_;
  std::map<std::string, std::string> metadata_;
  Spool wide_;
  Spool narrow_;
};

}  // namespace

std::unique_ptr<TraceOutput> open_safetensors_output(const std::filesystem::path& path) {
  return std::make_unique<SafetensorsOutput>(path);
}

}  // namespace plumb::trace
