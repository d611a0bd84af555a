// System calls of this process that are interrupted or do only a part: what the
// code beneath io::FileSystem has to loop over.
//
// The program that this is linked into has its own pread, pwrite, preadv2,
// copy_file_range, open, fdatasync and fsync in front of the C library's.
#ifndef QUIRE_TESTS_TORTURE_SYSCALL_FAULTS_H_
#define QUIRE_TESTS_TORTURE_SYSCALL_FAULTS_H_

#include <cstdint>

namespace quire::torture {

enum class SyscallFault : uint8_t {
  kInterrupted,  // EINTR, with nothing done
  kShort,        // a read or write of a part; under O_DIRECT, of whole units
};

// The nth call, on any thread, from now on. With `sticky` all later ones too if
// they are short: each makes progress. Of interruptions three of four then: who
// is always interrupted tries for ever, and is right to.
void ArmSyscallFaults(SyscallFault fault, uint64_t nth, bool sticky);

// The number of calls that met a fault since.
uint64_t DisarmSyscallFaults();

}  // namespace quire::torture

#endif  // QUIRE_TESTS_TORTURE_SYSCALL_FAULTS_H_
