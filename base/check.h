// Assertions for bugs in this library: broken invariants, calls that the
// contract forbids. What the outside world can cause (I/O errors, bytes in a
// file, arguments from a user) is never checked here but becomes a Status.
//
//   QUIRE_CHECK(cond)   in every build; off the hot path.
//   QUIRE_DCHECK(cond)  in builds without NDEBUG; on the hot path.
//
// With NDEBUG the condition of a QUIRE_DCHECK is compiled but not evaluated, so
// it must have no side effect.
//
// A false condition prints `file:line: check failed: condition` to standard
// error and aborts the process. Both may be used from any thread and in any
// context, signal handlers included.

#ifndef QUIRE_BASE_CHECK_H_
#define QUIRE_BASE_CHECK_H_

namespace quire::base::internal {

// Prints the message and aborts.
[[noreturn]] void CheckFailed(const char* file, int line,
                              const char* condition) noexcept;

}  // namespace quire::base::internal

#define QUIRE_CHECK(condition)                                              \
  do {                                                                      \
    if (!(condition)) [[unlikely]] {                                        \
      ::quire::base::internal::CheckFailed(__FILE__, __LINE__, #condition); \
    }                                                                       \
  } while (false)

#ifdef NDEBUG
#define QUIRE_DCHECK(condition)     \
  do {                              \
    if (false) {                    \
      static_cast<void>(condition); \
    }                               \
  } while (false)
#else
#define QUIRE_DCHECK(condition) QUIRE_CHECK(condition)
#endif

#endif  // QUIRE_BASE_CHECK_H_
