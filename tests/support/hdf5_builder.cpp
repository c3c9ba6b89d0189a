#include "tests/support/hdf5_builder.h"

#include "base/errors.h"

namespace plumb::tests {
namespace {

using trace::Handle;

void ensure_done(bool done) {
  base::ensure(done, "the test's HDF5 file can be written");
}

size_t keep_as_is(unsigned, size_t, const unsigned*, size_t bytes, size_t*, void**) {
  return bytes;
}

// Known while a file is written, unknown when it is read.
class PassingFilter {
 public:
  explicit PassingFilter(int id) : id_(id) {
    const H5Z_class2_t passing = {H5Z_CLASS_T_VERS, id,      1,       1,
                                  "passing",        nullptr, nullptr, keep_as_is};
    ensure_done(H5Zregister(&passing) >= 0);
  }
  ~PassingFilter() { H5Zunregister(id_); }
  PassingFilter(const PassingFilter&) = delete;
  PassingFilter& operator=(const PassingFilter&) = delete;

 private:
  int id_;
};

std::vector<hsize_t> extents(const std::vector<size_t>& shape) {
  return {shape.begin(), shape.end()};
}

}  // namespace

Hdf5Builder::Hdf5Builder(const std::filesystem::path& file)
    : lock_(trace::lock_hdf5()),
      file_(H5Fcreate(file.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), H5Fclose) {
  ensure_done(file_.valid());
}

void Hdf5Builder::text_attribute(const std::string& name, const std::string& value, bool variable) {
  const Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type.get(), variable ? H5T_VARIABLE : value.size());
  const Handle space(H5Screate(H5S_SCALAR), H5Sclose);
  const Handle attribute(
      H5Acreate2(file_.get(), name.c_str(), type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT),
      H5Aclose);
  const char* text = value.c_str();
  const void* data = variable ? static_cast<const void*>(&text) : text;
  ensure_done(H5Awrite(attribute.get(), type.get(), data) >= 0);
}

void Hdf5Builder::number_attribute(const std::string& name, double value) {
  const Handle space(H5Screate(H5S_SCALAR), H5Sclose);
  const Handle attribute(
      H5Acreate2(file_.get(), name.c_str(), H5T_IEEE_F64LE, space.get(), H5P_DEFAULT, H5P_DEFAULT),
      H5Aclose);
  ensure_done(H5Awrite(attribute.get(), H5T_NATIVE_DOUBLE, &value) >= 0);
}

trace::Handle Hdf5Builder::create(const std::string& name, hid_t type, const Handle& space,
                                  const Handle& layout) {
  const Handle link(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
  H5Pset_create_intermediate_group(link.get(), 1);
  Handle dataset(H5Dcreate2(file_.get(), name.c_str(), type, space.get(), link.get(), layout.get(),
                            H5P_DEFAULT),
                 H5Dclose);
  ensure_done(dataset.valid());
  return dataset;
}

void Hdf5Builder::dataset(const std::string& name, const std::vector<size_t>& shape,
                          const std::vector<double>& data, const Layout& layout) {
  const PassingFilter filter(layout.filter != 0 ? layout.filter : 40'000);
  const Handle space(
      H5Screate_simple(static_cast<int>(shape.size()), extents(shape).data(), nullptr), H5Sclose);
  const Handle create_list(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  if (!layout.chunk.empty()) {
    H5Pset_chunk(create_list.get(), static_cast<int>(layout.chunk.size()),
                 extents(layout.chunk).data());
  }
  if (layout.gzip > 0) {
    H5Pset_shuffle(create_list.get());
    H5Pset_deflate(create_list.get(), static_cast<unsigned>(layout.gzip));
  }
  if (layout.filter != 0) {
    H5Pset_filter(create_list.get(), layout.filter, H5Z_FLAG_MANDATORY, 0, nullptr);
  }
  if (!layout.external.empty()) {
    H5Pset_external(create_list.get(), layout.external.c_str(), 0, data.size() * sizeof(double));
  }
  const Handle dataset = create(name, layout.type, space, create_list);
  if (!layout.write) return;
  ensure_done(
      H5Dwrite(dataset.get(), H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, data.data()) >= 0);
  ensure_done(H5Dflush(dataset.get()) >= 0);
}

void Hdf5Builder::texts(const std::string& name) {
  const Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type.get(), H5T_VARIABLE);
  const hsize_t two = 2;
  const Handle space(H5Screate_simple(1, &two, nullptr), H5Sclose);
  const Handle layout(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  const Handle dataset = create(name, type.get(), space, layout);
  const char* const values[] = {"one", "two"};
  ensure_done(H5Dwrite(dataset.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
}

void Hdf5Builder::null_dataset(const std::string& name) {
  const Handle space(H5Screate(H5S_NULL), H5Sclose);
  const Handle layout(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  create(name, H5T_IEEE_F64LE, space, layout);
}

void Hdf5Builder::soft_link(const std::string& target, const std::string& name) {
  const Handle link(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
  H5Pset_create_intermediate_group(link.get(), 1);
  ensure_done(H5Lcreate_soft(target.c_str(), file_.get(), name.c_str(), link.get(), H5P_DEFAULT) >=
              0);
}

void Hdf5Builder::external_link(const std::filesystem::path& file, const std::string& target,
                                const std::string& name) {
  const Handle link(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
  H5Pset_create_intermediate_group(link.get(), 1);
  ensure_done(H5Lcreate_external(file.c_str(), target.c_str(), file_.get(), name.c_str(),
                                 link.get(), H5P_DEFAULT) >= 0);
}

}  // namespace plumb::tests
