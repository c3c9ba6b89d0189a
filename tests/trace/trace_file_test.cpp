#include "trace/trace_file.h"

#include "tests/support/files.h"
#include "tests/trace/trace_fixture.h"
#include "trace/trace_writer.h"

namespace plumb::trace {
namespace {

using base::DType;
using tests::Hdf5Builder;
using tests::refusal;

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
  EXPECT_EQ(trace.attribute("version"), "3");
  EXPECT_EQ(trace.prompts()[1].tokens, (std::vector<int64_t>{1, 2}));
  const auto recording = trace.recording(DType::kF64, "p0");
  EXPECT_EQ(recording->taps().size(), 4U);
  for (const Tap& tap : recording->taps()) EXPECT_EQ(recording->read(tap).values, values);
  const Tensor narrow = trace.recording(DType::kF32, "p0")->read(kLogits);
  for (size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(narrow.values[i], static_cast<double>(static_cast<float>(values[i])));
  }
}

TEST_F(TraceFileTest, FindsTheRunsOfAPrompt) {
  const TraceFile trace = read([](Hdf5Builder& b) {
    b.integers("prompts/p0", {1, 2, 3});
    b.integers("prompts/p1", {4});
    for (const char* run : {"p0", "p0@1x3", "p0@2+1", "p0@batch", "p0@reset", "p1@batch"}) {
      b.dataset(std::string("float32/") + run + "/logits", {1, 2}, {1, 2});
    }
  });
  const std::vector<Prompt> runs = trace.runs(DType::kF32, trace.prompts()[0]);
  ASSERT_EQ(runs.size(), 4U);
  EXPECT_EQ(runs[0].name, "p0@1x3");
  EXPECT_EQ(runs[0].run, "1x3");
  EXPECT_EQ(runs[0].pieces, (std::vector<size_t>{1, 1, 1}));
  EXPECT_EQ(runs[1].pieces, (std::vector<size_t>{2, 1}));
  EXPECT_EQ(runs[2].run, "batch");
  EXPECT_TRUE(runs[3].pieces.empty());
  EXPECT_EQ(runs[3].tokens, trace.prompts()[0].tokens);
  EXPECT_EQ(trace.runs(DType::kF32, trace.prompts()[1]).size(), 1U);
  EXPECT_TRUE(trace.runs(DType::kF64, trace.prompts()[0]).empty());
  EXPECT_TRUE(trace.ignored().empty());
}

TEST_F(TraceFileTest, RefusesRunsThatAreNone) {
  for (const char* run : {"p0@2", "p0@1x4", "p0@", "p0@batches", "p0@2+x"}) {
    EXPECT_THROW(read([&](Hdf5Builder& b) {
                   b.integers("prompts/p0", {1, 2, 3});
                   b.dataset(std::string("float32/") + run + "/logits", {1, 2}, {1, 2});
                 }),
                 base::InputError)
        << run;
  }
}

TEST_F(TraceFileTest, NamesWhatItIgnores) {
  const TraceFile trace = read([](Hdf5Builder& b) {
    b.integers("prompts/p0", {1});
    b.dataset("float64/p0/logits", {1, 2}, {1, 2});
    b.dataset("float64/p0/layer.0.unheard_of", {1}, {1});
    b.dataset("float64/p7@1x1/logits", {1, 2}, {1, 2});
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
                                      "nothing", "texts", "float64/p7@1x1/*"}));
  EXPECT_EQ(trace.recording(DType::kF64, "p0")->taps(), std::vector<Tap>{kLogits});
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
}

TEST_F(TraceFileTest, IsNoSourceWithoutATap) {
  const auto trace = std::make_shared<const TraceFile>(
      read([](Hdf5Builder& b) { b.integers("prompts/p0", {1}); }));
  EXPECT_NE(refusal([&] { FileSource unused(trace, std::nullopt); }), "");
}

}  // namespace
}  // namespace plumb::trace
