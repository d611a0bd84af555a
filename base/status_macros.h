// Hands errors up the stack.
//
//   QUIRE_RETURN_IF_ERROR(file->Sync());
//   QUIRE_ASSIGN_OR_RETURN(const uint64_t size_bytes, file->Size());
//
// The enclosing function must return absl::Status or an absl::StatusOr. The
// error is passed on as it is; add context where it is known, at the source.

#ifndef QUIRE_BASE_STATUS_MACROS_H_
#define QUIRE_BASE_STATUS_MACROS_H_

#include <utility>

#include "absl/base/optimization.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Evaluates `expr`, an absl::Status, once; returns it from the enclosing
// function unless it is OK.
#define QUIRE_RETURN_IF_ERROR(expr)                                  \
  do {                                                               \
    ::absl::Status quire_status = (expr);                            \
    if (ABSL_PREDICT_FALSE(!quire_status.ok())) return quire_status; \
  } while (false)

// Evaluates `expr`, an absl::StatusOr<T>, once; returns its error from the
// enclosing function, or moves its value into `lhs`: a declaration or something
// that can be assigned to. A type with a comma in `lhs` needs an alias. Expands
// to several statements, so it can't be the body of an `if` without braces.
#define QUIRE_ASSIGN_OR_RETURN(lhs, expr) \
  QUIRE_ASSIGN_OR_RETURN_IMPL_(           \
      QUIRE_STATUS_MACROS_CONCAT_(quire_status_or_, __LINE__), lhs, expr)

#define QUIRE_ASSIGN_OR_RETURN_IMPL_(status_or, lhs, expr) \
  auto status_or = (expr);                                 \
  if (ABSL_PREDICT_FALSE(!status_or.ok())) {               \
    return std::move(status_or).status();                  \
  }                                                        \
  lhs = *std::move(status_or)

#define QUIRE_STATUS_MACROS_CONCAT_(a, b) QUIRE_STATUS_MACROS_CONCAT_2_(a, b)
#define QUIRE_STATUS_MACROS_CONCAT_2_(a, b) a##b

#endif  // QUIRE_BASE_STATUS_MACROS_H_
