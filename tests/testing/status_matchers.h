// Matchers and assertions for absl::Status and absl::StatusOr.
//
//   EXPECT_OK(db->Put("k", "v"));
//   QUIRE_ASSERT_OK_AND_ASSIGN(std::unique_ptr<File> file, fs->Open(path));
//   EXPECT_THAT(db->Get("k"), IsOkAndHolds("v"));
//   EXPECT_THAT(db->Get("x"), StatusIs(absl::StatusCode::kNotFound));
//   EXPECT_THAT(Open(path), StatusIs(absl::StatusCode::kDataLoss,
//                                    HasSubstr("000001.seg")));
//
// There is no matcher for "some error": a test says which.

#ifndef QUIRE_TESTS_TESTING_STATUS_MATCHERS_H_
#define QUIRE_TESTS_TESTING_STATUS_MATCHERS_H_

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace quire::testing {

namespace internal {

inline const absl::Status& GetStatus(const absl::Status& status) {
  return status;
}

template <typename T>
const absl::Status& GetStatus(const absl::StatusOr<T>& status_or) {
  return status_or.status();
}

}  // namespace internal

// Matches a Status or StatusOr that is OK.
MATCHER(IsOk, negation ? "isn't OK" : "is OK") {
  const absl::Status& status = internal::GetStatus(arg);
  if (!status.ok()) *result_listener << "which is " << status.ToString();
  return status.ok();
}

// Matches a StatusOr that is OK and whose value matches `matcher`.
MATCHER_P(IsOkAndHolds, matcher,
          "is OK and holds a value that " +
              ::testing::DescribeMatcher<decltype(*std::declval<arg_type>())>(
                  matcher, negation)) {
  if (!arg.ok()) {
    *result_listener << "which is " << arg.status().ToString();
    return false;
  }
  return ::testing::ExplainMatchResult(matcher, *arg, result_listener);
}

// Matches a Status or StatusOr with this code, and with a message (a
// std::string) that matches `message_matcher`.
MATCHER_P2(StatusIs, code, message_matcher,
           std::string("has the code ") +
               absl::StatusCodeToString(absl::StatusCode(code)) +
               " and a message that " +
               ::testing::DescribeMatcher<std::string>(message_matcher,
                                                       negation)) {
  const absl::Status& status = internal::GetStatus(arg);
  *result_listener << "which is " << status.ToString();
  return status.code() == code &&
         ::testing::Matches(message_matcher)(std::string(status.message()));
}

// Matches a Status or StatusOr with this code and any message.
inline auto StatusIs(absl::StatusCode code) {
  return StatusIs(code, ::testing::A<std::string>());
}

}  // namespace quire::testing

#define EXPECT_OK(expr) EXPECT_THAT((expr), ::quire::testing::IsOk())
#define ASSERT_OK(expr) ASSERT_THAT((expr), ::quire::testing::IsOk())

// Evaluates `expr`, an absl::StatusOr<T>, once; fails the test and returns from
// the function if it is an error, or moves its value into `lhs`.
#define QUIRE_ASSERT_OK_AND_ASSIGN(lhs, expr) \
  QUIRE_ASSERT_OK_AND_ASSIGN_IMPL_(           \
      QUIRE_MATCHERS_CONCAT_(quire_status_or_, __LINE__), lhs, expr)

#define QUIRE_ASSERT_OK_AND_ASSIGN_IMPL_(status_or, lhs, expr)          \
  auto status_or = (expr);                                              \
  ASSERT_TRUE(status_or.ok()) << #expr << " is " << status_or.status(); \
  lhs = *std::move(status_or)

#define QUIRE_MATCHERS_CONCAT_(a, b) QUIRE_MATCHERS_CONCAT_2_(a, b)
#define QUIRE_MATCHERS_CONCAT_2_(a, b) a##b

#endif  // QUIRE_TESTS_TESTING_STATUS_MATCHERS_H_
