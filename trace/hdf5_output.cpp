#include <optional>

#include "base/errors.h"
#include "base/files.h"
#include "trace/hdf5.h"
#include "trace/trace_output.h"

namespace plumb::trace {
namespace {

class Hdf5Output : public TraceOutput {
 public:
  explicit Hdf5Output(const std::filesystem::path& path) : path_(path), pending_(path) {
    const auto lock = lock_hdf5();
    file_.emplace(H5Fcreate(pending_.temporary().c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT),
                  H5Fclose);
    check(file_->valid());
  }
  ~Hdf5Output() override {
    const auto lock = lock_hdf5();
    file_.reset();
  }

  void attribute(const std::string& name, const std::string& text) override {
    const auto lock = lock_hdf5();
    const Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
    H5Tset_size(type.get(), H5T_VARIABLE);
    H5Tset_cset(type.get(), H5T_CSET_UTF8);
    const Handle space(H5Screate(H5S_SCALAR), H5Sclose);
    const Handle attribute(
        H5Acreate2(file_->get(), name.c_str(), type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT),
        H5Aclose);
    const char* data = text.c_str();
    check(attribute.valid() && H5Awrite(attribute.get(), type.get(), &data) >= 0);
  }

  void integers(const std::string& name, const std::vector<size_t>& shape,
                std::span<const int64_t> values) override {
    write(name, shape, H5T_STD_I64LE, H5T_NATIVE_INT64, values.data());
  }

  void reals(const std::string& name, const std::vector<size_t>& shape,
             std::span<const double> values, bool doubles) override {
    write(name, shape, doubles ? H5T_IEEE_F64LE : H5T_IEEE_F32LE, H5T_NATIVE_DOUBLE, values.data());
  }

  void commit() override {
    const auto lock = lock_hdf5();
    // Closing a file says nothing of data that did not fit on the disk; flushing does.
    check(H5Fflush(file_->get(), H5F_SCOPE_GLOBAL) >= 0);
    file_.reset();
    pending_.commit();
  }

 private:
  void check(bool written) const {
    if (!written) {
      throw base::InputError(path_.string(), "", "cannot be written",
                             "check the folder, its permissions and the space left");
    }
  }

  void write(const std::string& name, const std::vector<size_t>& shape, hid_t file_type,
             hid_t memory_type, const void* data) {
    const auto lock = lock_hdf5();
    const std::vector<hsize_t> extents(shape.begin(), shape.end());
    const Handle space(H5Screate_simple(static_cast<int>(extents.size()), extents.data(), nullptr),
                       H5Sclose);
    const Handle link(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
    H5Pset_create_intermediate_group(link.get(), 1);
    // No time stamps: the same run gives the same bytes.
    const Handle create(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    H5Pset_obj_track_times(create.get(), 0);
    const Handle dataset(H5Dcreate2(file_->get(), name.c_str(), file_type, space.get(), link.get(),
                                    create.get(), H5P_DEFAULT),
                         H5Dclose);
    check(dataset.valid());
    check(H5Dwrite(dataset.get(), memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
  }

  std::filesystem::path path_;
  base::PendingFile pending_;
  std::optional<Handle> file_;
};

}  // namespace

std::unique_ptr<TraceOutput> open_hdf5_output(const std::filesystem::path& path) {
  return std::make_unique<Hdf5Output>(path);
}

}  // namespace plumb::trace
