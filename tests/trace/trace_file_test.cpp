#include "trace/trace_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cmath>
#include <limits>

#include "base/files.h"
#include "base/safetensors.h"
#include "tests/support/files.h"
#include "tests/support/hdf5_builder.h"
#include "tests/support/refusal.h"
#include "trace/trace_writer.h"

namespace plumb::trace {
namespace {

using base::DType;
using tests::Hdf5Builder;
using tests::refusal;

const Tap kLogits{TapId::kLogits, -1};
const Tap kOut{TapId::kOut, 1};

std::vector<double> ramp(size_t count) {
  std::vector<double> values(count);
  for (size_t i = 0; i < count; ++i) values[i] = std::sin(static_cast<double>(i));
  return values;
}

class TraceFileTest : public testing::Test {
 protected:
  // Writes an HDF5 file that says it is a trace, and what else `fill` puts into it.
  template <class Fill>
  TraceFile read(Fill&& fill) {
    {
      Hdf5Builder builder(file_);
      builder.text_attribute("schema", "plumbline.trace/1", true);
      fill(builder);
    }
    return TraceFile(file_);
  }
  template <class Fill>
  std::string refusal_of(Fill&& fill) {
    const std::string line = refusal([&] { read(fill); });
    EXPECT_TRUE(line.empty() || line.starts_with(file_.string())) << line;
    return line;
  }
  // What reading one dataset of a file that can be opened is refused with.
  template <class Fill>
  std::string refusal_to_read(Fill&& fill) {
    return refusal([&] {
      const TraceFile trace = read(fill);
      trace.recording(DType::kF64, "p0")->read(kLogits);
    });
  }

  base::TemporaryFolder folder_;
  std::filesystem::path file_ = folder_.path() / "trace.h5";
};

TEST_F(TraceFileTest, ReadsWhatTheWriterWrote) {
  const Tensor logits{.shape = {2, 3}, .values = {1.0 + 0x1p-40, -0.0, 1e300, 3.0, 4.0, 5.0}};
  const Tensor narrow{.shape = {2, 1, 2}, .values = {0.5, static_cast<double>(0.1F), -2.0, 3.0}};
  {
    TraceWriter writer(file_, {{"producer", "somebody"}, {"checkpoint_sha256", "abc"}});
    writer.add_prompt({"p0", {7, 0}});
    writer.add_prompt({"second prompt", {1}});
    writer.run(DType::kF64, "p0")->put(kLogits, logits);
    writer.run(DType::kBF16, "p0")->put(kOut, narrow);
    writer.add_greedy(DType::kF64, "p0", {.tokens = {4, 5}, .margins = {0.5, 0.25}});
    writer.commit();
  }
  const TraceFile trace(file_);
  EXPECT_EQ(trace.attribute("producer"), "somebody");
  EXPECT_EQ(trace.attribute("checkpoint_sha256"), "abc");
  EXPECT_EQ(trace.attribute("other"), "");
  ASSERT_EQ(trace.prompts().size(), 2U);
  EXPECT_EQ(trace.prompts()[0].tokens, (std::vector<int64_t>{7, 0}));
  EXPECT_EQ(trace.prompts()[1].name, "second prompt");
  EXPECT_EQ(trace.dtypes(), (std::vector<DType>{DType::kF64, DType::kBF16}));
  EXPECT_TRUE(trace.ignored().empty());
  EXPECT_TRUE(trace.has(DType::kBF16, "p0"));
  EXPECT_FALSE(trace.has(DType::kBF16, "second prompt"));

  const auto wide = trace.recording(DType::kF64, "p0");
  EXPECT_EQ(wide->taps(), std::vector<Tap>{kLogits});
  EXPECT_EQ(wide->shape(kLogits), logits.shape);
  EXPECT_EQ(wide->read(kLogits).values, logits.values);
  EXPECT_TRUE(std::signbit(wide->read(kLogits).values[1]));
  EXPECT_EQ(wide->greedy()->tokens, (std::vector<int64_t>{4, 5}));
  EXPECT_EQ(wide->greedy()->margins, (std::vector<double>{0.5, 0.25}));
  const auto half = trace.recording(DType::kBF16, "p0");
  EXPECT_EQ(half->read(kOut).values, narrow.values);
  EXPECT_EQ(half->greedy(), std::nullopt);
  EXPECT_TRUE(trace.recording(DType::kF32, "p0")->taps().empty());
}

TEST_F(TraceFileTest, WritesTheSameBytesTwice) {
  const auto write = [&](const char* name) {
    TraceWriter writer(folder_.path() / name, {{"producer", "somebody"}});
    writer.add_prompt({"p0", {1, 2, 3}});
    writer.run(DType::kF32, "p0")->put(kLogits, {.shape = {3, 5}, .values = ramp(15)});
    writer.commit();
    return tests::read_text(folder_.path() / name);
  };
  EXPECT_EQ(write("a.h5"), write("b.h5"));
}

TEST_F(TraceFileTest, LeavesNothingWithoutCommit) {
  {
    TraceWriter writer(file_, {});
    writer.add_prompt({"p0", {1}});
  }
  EXPECT_TRUE(tests::list_files(folder_.path()).empty());
  EXPECT_NE(refusal([&] { TraceWriter(folder_.path() / "missing" / "t.h5", {}); }), "");
  EXPECT_NE(refusal([&] { TraceWriter(folder_.path(), {}); }), "");
  EXPECT_NE(refusal([&] { TraceWriter("/dev/null", {}); }), "");
  EXPECT_TRUE(tests::list_files(folder_.path()).empty());
}

TEST_F(TraceFileTest, ReadsEveryLayoutThatEnginesWrite) {
  const std::vector<double> values = ramp(6 * 7);
  const TraceFile trace = read([&](Hdf5Builder& b) {
    b.text_attribute("producer", "fixed length", false);
    b.number_attribute("version", 3.0);
    b.integers("prompts/p0", {1, 2, 3, 4, 5, 6});
    b.dataset("prompts/p1", {2}, {1, 2}, {.type = H5T_STD_I32BE});
    b.dataset("float64/p0/embed", {6, 7}, values);
    b.dataset("float64/p0/layer.0.out", {6, 7}, values, {.chunk = {4, 3}, .gzip = 9});
    b.dataset("float64/p0/layer.1.out", {6, 7}, values, {.chunk = {6, 7}});
    b.dataset("float64/p0/final_norm", {6, 7}, values, {.type = H5T_IEEE_F64BE});
    b.dataset("float32/p0/logits", {6, 7}, values, {.type = H5T_IEEE_F32LE});
  });
  EXPECT_EQ(trace.attribute("producer"), "fixed length");
  EXPECT_EQ(trace.attribute("version"), "");
  EXPECT_EQ(trace.prompts()[1].tokens, (std::vector<int64_t>{1, 2}));
  const auto recording = trace.recording(DType::kF64, "p0");
  EXPECT_EQ(recording->taps().size(), 4U);
  for (const Tap& tap : recording->taps()) EXPECT_EQ(recording->read(tap).values, values);
  const Tensor narrow = trace.recording(DType::kF32, "p0")->read(kLogits);
  for (size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(narrow.values[i], static_cast<double>(static_cast<float>(values[i])));
  }
}

TEST_F(TraceFileTest, NamesWhatItIgnores) {
  const TraceFile trace = read([](Hdf5Builder& b) {
    b.integers("prompts/p0", {1});
    b.dataset("float64/p0/logits", {1, 2}, {1, 2});
    b.dataset("float64/p0/layer.0.unheard_of", {1}, {1});
    b.dataset("float64/logits", {1}, {1});
    b.dataset("int8/p0/logits", {1}, {1});
    b.dataset("float64/p0/deep/logits", {1}, {1});
    b.dataset("notes", {1}, {1});
    b.texts("texts");
    b.null_dataset("nothing");
    b.dataset("claimed", {size_t{1} << 50}, {}, {.write = false});
  });
  EXPECT_EQ(trace.ignored(),
            (std::vector<std::string>{"claimed", "float64/logits", "float64/p0/deep/logits",
                                      "float64/p0/layer.0.unheard_of", "int8/p0/logits", "notes",
                                      "nothing", "texts"}));
  EXPECT_EQ(trace.recording(DType::kF64, "p0")->taps(), std::vector<Tap>{kLogits});
}

TEST_F(TraceFileTest, RefusesWhatIsNoTrace) {
  for (const char* text : {"", "not HDF5", "\x89HDF\r\n\x1a\n"}) {
    tests::write_text(file_, text);
    EXPECT_NE(refusal([&] { TraceFile unused(file_); }), "") << text;
  }
  EXPECT_NE(refusal([&] { TraceFile unused(folder_.path()); }), "");
  EXPECT_NE(refusal([&] { TraceFile unused(folder_.path() / "missing.h5"); }), "");
  ASSERT_EQ(::mkfifo((folder_.path() / "fifo").c_str(), 0600), 0);
  EXPECT_NE(refusal([&] { TraceFile unused(folder_.path() / "fifo"); }), "");
}

TEST_F(TraceFileTest, RefusesAnotherSchema) {
  const auto with_schema = [&](auto&& put) {
    { put(Hdf5Builder(file_)); }
    return refusal([&] { TraceFile unused(file_); });
  };
  EXPECT_NE(with_schema([](Hdf5Builder&&) {}).find("schema: the attribute is missing"),
            std::string::npos);
  EXPECT_NE(with_schema([](Hdf5Builder&& b) {
              b.text_attribute("schema", "plumbline.trace/2", true);
            }).find("schema: is 'plumbline.trace/2'"),
            std::string::npos);
  EXPECT_NE(with_schema([](Hdf5Builder&& b) { b.number_attribute("schema", 1); }).find("schema"),
            std::string::npos);
}

TEST_F(TraceFileTest, RefusesPromptsThatAreNoTokenIds) {
  const auto fills = std::vector<std::function<void(Hdf5Builder&)>>{
      [](Hdf5Builder& b) {
        b.dataset("prompts/p0", {2}, {1, 2});
      },  // floats
      [](Hdf5Builder& b) {
        b.dataset("prompts/p0", {1, 2}, {1, 2}, {.type = H5T_STD_I64LE});
      },
      [](Hdf5Builder& b) { b.dataset("prompts/p0", {}, {1}, {.type = H5T_STD_I64LE}); },
      [](Hdf5Builder& b) { b.integers("prompts/p0", {}); },
      [](Hdf5Builder& b) { b.texts("prompts/p0"); },
      [](Hdf5Builder& b) { b.null_dataset("prompts/p0"); },
      [](Hdf5Builder& b) {
        b.dataset("prompts/p0", {size_t{1} << 40}, {}, {.type = H5T_STD_I64LE, .write = false});
      },
      [](Hdf5Builder& b) {
        b.dataset("prompts/p0", {1 << 19}, {}, {.type = H5T_STD_I64LE, .write = false});
      },
  };
  for (size_t i = 0; i < fills.size(); ++i) {
    EXPECT_NE(refusal_of(fills[i]).find("prompts/p0"), std::string::npos) << i;
  }
}

TEST_F(TraceFileTest, RefusesTapsThatCannotBeRead) {
  const auto refused = [&](const char* because, auto&& fill) {
    const std::string line = refusal_to_read(fill);
    EXPECT_NE(line.find("float64/p0/logits"), std::string::npos) << line;
    EXPECT_NE(line.find(because), std::string::npos) << line;
  };
  constexpr const char* kName = "float64/p0/logits";
  refused("no numbers", [](Hdf5Builder& b) { b.texts(kName); });
  refused("holds 0", [](Hdf5Builder& b) { b.null_dataset(kName); });
  refused("holds 0", [](Hdf5Builder& b) { b.dataset(kName, {4, 4}, {}, {.write = false}); });
  // Extents whose product wraps, and sizes that no byte of the file stands for.
  constexpr size_t kHuge = size_t{1} << 62;
  refused("claims", [](Hdf5Builder& b) {
    b.dataset(kName, {kHuge, 8}, {}, {.chunk = {8, 8}, .write = false});
  });
  refused("claims", [](Hdf5Builder& b) {
    b.dataset(kName, {1 << 20, 1 << 20}, {}, {.chunk = {1 << 10, 8}, .write = false});
  });
  refused("compression",
          [](Hdf5Builder& b) { b.dataset(kName, {4}, ramp(4), {.chunk = {4}, .filter = 40'001}); });
  const std::filesystem::path secret = folder_.path() / "secret";
  tests::write_text(secret, std::string(32, 'x'));
  refused("outside the file",
          [&](Hdf5Builder& b) { b.dataset(kName, {4}, ramp(4), {.external = secret}); });
}

// A dataset whose damage shows only when it is read makes the whole file suspect.
TEST_F(TraceFileTest, RefusesDamagedCompressedData) {
  read([](Hdf5Builder& b) {
    b.dataset("float64/p0/logits", {64, 64}, ramp(4096), {.chunk = {64, 64}, .gzip = 9});
  });
  std::string bytes = tests::read_text(file_);
  for (size_t i = bytes.size() - 2000; i < bytes.size() - 1000; ++i) bytes[i] = 'x';
  tests::write_text(file_, bytes);
  EXPECT_NE(refusal([&] { TraceFile unused(file_); }).find("float64/p0/logits: cannot be read"),
            std::string::npos);
}

TEST_F(TraceFileTest, FollowsNoLinks) {
  {
    Hdf5Builder other(folder_.path() / "other.h5");
    other.dataset("logits", {1}, {1});
  }
  const TraceFile trace = read([&](Hdf5Builder& b) {
    b.dataset("float64/p0/layer.1.out", {1}, {1});
    b.soft_link("/float64/p0/layer.1.out", "float64/p0/embed");
    b.external_link(folder_.path() / "other.h5", "/logits", "float64/p0/logits");
  });
  EXPECT_EQ(trace.recording(DType::kF64, "p0")->taps(), std::vector<Tap>{kOut});
}

TEST_F(TraceFileTest, RefusesAGreedyContinuationThatIsNone) {
  const auto greedy_refusal = [&](auto&& fill) {
    return refusal([&] { read(fill).recording(DType::kF64, "p0")->greedy(); });
  };
  EXPECT_NE(greedy_refusal([](Hdf5Builder& b) {
              b.dataset("float64/p0/greedy", {2}, {1.5, 2});
            }).find("float64/p0/greedy"),
            std::string::npos);
  EXPECT_NE(greedy_refusal([](Hdf5Builder& b) {
              b.integers("float64/p0/greedy", {1, 2});
              b.dataset("float64/p0/greedy_margin", {3}, {1, 2, 3});
            }).find("greedy_margin"),
            std::string::npos);
  const auto greedy = read([](Hdf5Builder& b) {
                        b.integers("float64/p0/greedy", {1, 2});
                      })
                          .recording(DType::kF64, "p0")
                          ->greedy();
  EXPECT_TRUE(std::isnan(greedy->margins.at(1)));
}

TEST_F(TraceFileTest, RefusesNamesThatAreNoText) {
  EXPECT_NE(refusal_of([](Hdf5Builder& b) { b.integers("prompts/\xff", {1}); }), "");
  EXPECT_NE(refusal_of([](Hdf5Builder& b) { b.integers("prompts/a\nb", {1}); }), "");
  const TraceFile trace =
      read([](Hdf5Builder& b) { b.text_attribute("producer", "a\n\xff", true); });
  EXPECT_EQ(trace.attribute("producer"), "a??");
}

// The same layout in safetensors, as an engine without HDF5 writes it.
class SafetensorsTraceTest : public testing::Test {
 protected:
  std::string refusal_of(const std::string& header, const std::string& data) {
    tests::write_text(file_, tests::safetensors_bytes(header, data));
    return refusal([&] {
      const TraceFile trace(file_);
      const auto recording = trace.recording(DType::kF32, "p0");
      for (const Tap& tap : recording->taps()) recording->read(tap);
      recording->greedy();
    });
  }

  base::TemporaryFolder folder_;
  std::filesystem::path file_ = folder_.path() / "trace.safetensors";
};

TEST_F(SafetensorsTraceTest, IsRead) {
  const std::vector<base::SafetensorsEntry> entries = {
      {.name = "prompts/p0", .dtype = "I64", .shape = {2}, .begin = 0, .end = 16},
      {.name = "prompts/p1", .dtype = "I32", .shape = {1}, .begin = 16, .end = 20},
      {.name = "float32/p0/logits", .dtype = "F32", .shape = {2, 1}, .begin = 20, .end = 28},
      {.name = "bfloat16/p0/layer.0.out", .dtype = "BF16", .shape = {2}, .begin = 28, .end = 32},
      {.name = "float32/p0/greedy", .dtype = "I64", .shape = {1}, .begin = 32, .end = 40},
      {.name = "something", .dtype = "U8", .shape = {1}, .begin = 40, .end = 41}};
  std::string bytes =
      safetensors_header(entries, {{"schema", "plumbline.trace/1"}, {"producer", "an engine"}});
  const auto append = [&](auto value) {
    bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
  };
  append(int64_t{5});
  append(int64_t{6});
  append(int32_t{7});
  append(1.5F);
  append(-2.0F);
  append(uint16_t{0x3f80});
  append(uint16_t{0xc000});
  append(int64_t{9});
  append('x');
  tests::write_text(file_, bytes);
  const TraceFile trace(file_);
  EXPECT_EQ(trace.attribute("producer"), "an engine");
  ASSERT_EQ(trace.prompts().size(), 2U);
  EXPECT_EQ(trace.prompts()[0].tokens, (std::vector<int64_t>{5, 6}));
  EXPECT_EQ(trace.prompts()[1].tokens, std::vector<int64_t>{7});
  const auto recording = trace.recording(DType::kF32, "p0");
  EXPECT_EQ(recording->read(kLogits).values, (std::vector<double>{1.5, -2.0}));
  EXPECT_EQ(recording->shape(kLogits), (std::vector<size_t>{2, 1}));
  EXPECT_EQ(recording->greedy()->tokens, std::vector<int64_t>{9});
  EXPECT_EQ(trace.recording(DType::kBF16, "p0")->read({TapId::kOut, 0}).values,
            (std::vector<double>{1.0, -2.0}));
  EXPECT_EQ(trace.ignored(), std::vector<std::string>{"something"});
}

TEST_F(SafetensorsTraceTest, IsRefusedWhenItIsNone) {
  const std::string schema = R"("__metadata__": {"schema": "plumbline.trace/1"})";
  const auto one = [&](const std::string& name, const char* dtype, const char* shape) {
    return refusal_of("{" + schema + R"(, ")" + name + R"(": {"dtype": ")" + dtype +
                          R"(", "shape": )" + shape + R"(, "data_offsets": [0, 8]}})",
                      "12345678");
  };
  EXPECT_NE(refusal_of("{}", "").find("schema"), std::string::npos);
  EXPECT_NE(refusal_of(R"({"__metadata__": {"schema": "other"}})", "").find("schema"),
            std::string::npos);
  EXPECT_NE(one("prompts/p0", "F64", "[1]").find("prompts/p0"), std::string::npos);
  EXPECT_NE(one("prompts/p0", "U64", "[1]").find("prompts/p0"), std::string::npos);
  EXPECT_NE(one("prompts/p0", "I64", "[1, 1]").find("prompts/p0"), std::string::npos);
  EXPECT_NE(one("float32/p0/logits", "U8", "[8]").find("float32/p0/logits"), std::string::npos);
  EXPECT_NE(one("float32/p0/greedy", "F64", "[1]").find("float32/p0/greedy"), std::string::npos);
  EXPECT_EQ(one("float32/p0/logits", "F64", "[1, 1]"), "");
}

TEST_F(TraceFileTest, OffersOneDtypeAsASource) {
  read([](Hdf5Builder& b) {
    b.integers("prompts/p0", {1});
    b.dataset("float64/p0/logits", {1, 2}, {1, 2});
    b.dataset("float32/p0/logits", {1, 2}, {3, 4}, {.type = H5T_IEEE_F32LE});
  });
  const auto trace = std::make_shared<const TraceFile>(file_);
  const std::string several = refusal([&] { FileSource unused(trace, std::nullopt); });
  EXPECT_NE(several.find("float64, float32"), std::string::npos) << several;
  const std::string absent = refusal([&] { FileSource unused(trace, DType::kF16); });
  EXPECT_NE(absent.find("float16"), std::string::npos) << absent;
  FileSource source(trace, DType::kF32);
  EXPECT_EQ(source.prompts().size(), 1U);
  const auto recording = source.record(source.prompts()[0], TapFilter::all(), 0);
  EXPECT_EQ(recording->read(kLogits).values, (std::vector<double>{3, 4}));

  const auto empty = std::make_shared<const TraceFile>(
      read([](Hdf5Builder& b) { b.integers("prompts/p0", {1}); }));
  EXPECT_NE(refusal([&] { FileSource unused(empty, std::nullopt); }), "");
}

// Cut short anywhere, or with random bytes changed: read whole, or refused.
TEST_F(TraceFileTest, SurvivesRandomDamage) {
  read([](Hdf5Builder& b) {
    b.text_attribute("producer", "somebody", true);
    b.integers("prompts/p0", {1, 2, 3});
    for (const char* tap : {"embed", "layer.0.out", "layer.1.out", "logits"}) {
      b.dataset(std::string("float64/p0/") + tap, {3, 16}, ramp(48), {.chunk = {2, 16}, .gzip = 4});
    }
    b.integers("float64/p0/greedy", {1, 2, 3});
  });
  const std::string whole = tests::read_text(file_);
  int refused = 0;
  for (uint64_t seed = 0; seed < 250; ++seed) {
    tests::write_text(file_, tests::mutate(whole, seed, whole.size()));
    const std::string line = refusal([&] {
      const TraceFile trace(file_);
      const auto recording = trace.recording(DType::kF64, "p0");
      for (const Tap& tap : recording->taps()) recording->read(tap);
      recording->greedy();
    });
    EXPECT_TRUE(line.empty() || line.starts_with(file_.string())) << line;
    refused += line.empty() ? 0 : 1;
  }
  EXPECT_GT(refused, 100);
}

}  // namespace
}  // namespace plumb::trace
