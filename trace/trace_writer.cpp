#include "trace/trace_writer.h"

#include "base/errors.h"
#include "base/files.h"
#include "trace/hdf5.h"
#include "trace/trace_file.h"

namespace plumb::trace {

struct TraceWriter::State {
  explicit State(const std::filesystem::path& target)
      : path(target),
        pending(target),
        file(std::in_place,
             H5Fcreate(pending.temporary().c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT),
             H5Fclose) {
    check(file->valid());
  }

  void check(bool written) const {
    if (!written) {
      throw base::InputError(path.string(), "", "cannot be written",
                             "check the folder, its permissions and the space left");
    }
  }

  void write(const std::string& name, const std::vector<size_t>& shape, hid_t file_type,
             hid_t memory_type, const void* data) {
    const std::vector<hsize_t> extents(shape.begin(), shape.end());
    const Handle space(H5Screate_simple(static_cast<int>(extents.size()), extents.data(), nullptr),
                       H5Sclose);
    const Handle link(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
    H5Pset_create_intermediate_group(link.get(), 1);
    // No time stamps: the same run gives the same bytes.
    const Handle create(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    H5Pset_obj_track_times(create.get(), 0);
    const Handle dataset(H5Dcreate2(file->get(), name.c_str(), file_type, space.get(), link.get(),
                                    create.get(), H5P_DEFAULT),
                         H5Dclose);
    check(dataset.valid());
    check(H5Dwrite(dataset.get(), memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
  }

  void write_attribute(const std::string& name, const std::string& text) {
    const Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
    H5Tset_size(type.get(), H5T_VARIABLE);
    H5Tset_cset(type.get(), H5T_CSET_UTF8);
    const Handle space(H5Screate(H5S_SCALAR), H5Sclose);
    const Handle attribute(
        H5Acreate2(file->get(), name.c_str(), type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT),
        H5Aclose);
    const char* data = text.c_str();
    check(attribute.valid() && H5Awrite(attribute.get(), type.get(), &data) >= 0);
  }

  std::filesystem::path path;
  base::PendingFile pending;
  std::optional<Handle> file;
};

namespace {

std::string group(base::DType dtype, const std::string& prompt) {
  return std::string(base::torch_name(dtype)) + "/" + prompt + "/";
}

}  // namespace

TraceWriter::TraceWriter(const std::filesystem::path& path,
                         const std::map<std::string, std::string>& attributes) {
  const auto lock = lock_hdf5();
  state_ = std::make_unique<State>(path);
  state_->write_attribute("schema", std::string(kTraceSchema));
  for (const auto& [name, text] : attributes) state_->write_attribute(name, text);
}

TraceWriter::~TraceWriter() {
  const auto lock = lock_hdf5();
  state_.reset();
}

void TraceWriter::add_prompt(const Prompt& prompt) {
  const auto lock = lock_hdf5();
  state_->write("prompts/" + prompt.name, {prompt.tokens.size()}, H5T_STD_I64LE, H5T_NATIVE_INT64,
                prompt.tokens.data());
}

std::unique_ptr<Sink> TraceWriter::run(base::DType dtype, const std::string& prompt) {
  class TapWriter : public Sink {
   public:
    TapWriter(State& state, std::string prefix, bool doubles)
        : state_(state), prefix_(std::move(prefix)), doubles_(doubles) {}
    void put(const Tap& tap, Tensor tensor) override {
      const auto lock = lock_hdf5();
      state_.write(prefix_ + tap.name(), tensor.shape, doubles_ ? H5T_IEEE_F64LE : H5T_IEEE_F32LE,
                   H5T_NATIVE_DOUBLE, tensor.values.data());
    }

   private:
    State& state_;
    std::string prefix_;
    bool doubles_;
  };
  return std::make_unique<TapWriter>(*state_, group(dtype, prompt), dtype == base::DType::kF64);
}

void TraceWriter::add_greedy(base::DType dtype, const std::string& prompt, const Greedy& greedy) {
  const auto lock = lock_hdf5();
  const std::string prefix = group(dtype, prompt);
  const std::vector<size_t> shape = {greedy.tokens.size()};
  state_->write(prefix + "greedy", shape, H5T_STD_I64LE, H5T_NATIVE_INT64, greedy.tokens.data());
  state_->write(prefix + "greedy_margin", shape, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE,
                greedy.margins.data());
}

void TraceWriter::commit() {
  const auto lock = lock_hdf5();
  // Closing a file says nothing of data that did not fit on the disk; flushing does.
  state_->check(H5Fflush(state_->file->get(), H5F_SCOPE_GLOBAL) >= 0);
  state_->file.reset();
  state_->pending.commit();
}

}  // namespace plumb::trace
