// Quire's contenders with little memory, and the child processes that they
// read in. The program is its own child, so it has a main of its own.
#include <signal.h>
#include <unistd.h>

#include <string>
#include <string_view>

#include "absl/strings/match.h"
#include "benchmarks/compare/child_process.h"
#include "benchmarks/compare/cold_reader.h"
#include "benchmarks/compare/comparison.h"
#include "benchmarks/compare/quire_engine.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire::benchmarks {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::Ge;
using ::testing::Gt;
using ::testing::HasSubstr;
using ::testing::Le;
using ::testing::SizeIs;

constexpr char kEchoWord[] = "echo";

int EchoMain() {
  return AnswerQuestions(
      [](const nlohmann::json& question) -> absl::StatusOr<nlohmann::json> {
        if (question.contains("die")) kill(getpid(), SIGKILL);
        if (question.contains("fail")) return absl::DataLossError("it failed");
        return nlohmann::json{{"echo", question}, {"process", getpid()}};
      });
}

TEST(ChildProcessTest, AnswersUntilItEnds) {
  pid_t placed = 0;
  const auto child = ChildProcess::Start(kEchoWord, [&](pid_t process) {
    placed = process;
    return absl::OkStatus();
  });
  ASSERT_OK(child);
  for (int i = 0; i < 3; ++i) {
    const auto answer = (*child)->Ask({{"number", i}});
    ASSERT_OK(answer);
    EXPECT_EQ((*answer)["echo"]["number"], i);
    EXPECT_EQ((*answer)["process"], placed);
    EXPECT_NE(placed, getpid());
  }
  EXPECT_THAT(std::string((*child)->Ask({{"fail", 1}}).status().message()),
              HasSubstr("it failed"));
  EXPECT_OK((*child)->Ask({{"number", 9}}));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ((*child)->Ask({{"die", 1}}).status().code(),
              absl::StatusCode::kUnavailable);
  }
}

TEST(ChildProcessTest, RunsNothingWhereItIsNotPlaced) {
  const auto child = ChildProcess::Start(kEchoWord, [](pid_t) {
    return absl::FailedPreconditionError("no place");
  });
  EXPECT_EQ(child.status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(CompareColdTest, EveryModeIsMeasuredInAGroupOfItsOwn) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers take more memory than the limit leaves";
#endif
  const testing::TempDirectory directory;
  CompareOptions options;
  options.data_bytes = 4 << 20;
  options.rounds = 2;
  options.read_seconds = 0.002;
  options.seed = 5;
  options.scenes = {"cold-1k"};
  options.db = directory.path();
  const absl::StatusOr<Results> results = RunScenes(options, QuireContenders());
  ASSERT_OK(results);
  for (const std::string& note : results->notes()) {
    if (absl::StrContains(note, "left out")) GTEST_SKIP() << note;
  }
  for (const char* id : {"get", "multiget32", "multiget64", "async32",
                         "async64", "scan", "zipf"}) {
    const Row* const row = results->Find(std::string("cold-1k/") + id);
    ASSERT_NE(row, nullptr) << id;
    for (const Contender& contender : QuireContenders()) {
      const Series* const series = row->Find(contender.name);
      ASSERT_NE(series, nullptr) << id << " " << contender.name;
      EXPECT_THAT(series->samples, SizeIs(options.rounds));
      EXPECT_THAT(series->samples, Each(Gt(0)));
    }
  }
  for (const char* id : {"hits", "hits-beside-scan"}) {
    const Row* const row = results->Find(std::string("cold-1k/") + id);
    ASSERT_NE(row, nullptr) << id;
    EXPECT_THAT(row->Find("quire direct")->samples, Each(AllOf(Ge(0), Le(1))));
  }
}

}  // namespace
}  // namespace quire::benchmarks

int main(int argc, char** argv) {
  namespace benchmarks = quire::benchmarks;
  const std::string_view word = argc == 2 ? argv[1] : "";
  if (word == benchmarks::kEchoWord) return benchmarks::EchoMain();
  if (word == benchmarks::kColdReaderWord) {
    return benchmarks::ColdReaderMain(benchmarks::QuireContenders());
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
