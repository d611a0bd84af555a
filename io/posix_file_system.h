// The file system of the operating system.

#ifndef QUIRE_IO_POSIX_FILE_SYSTEM_H_
#define QUIRE_IO_POSIX_FILE_SYSTEM_H_

#include "io/file_system.h"

namespace quire::io {

// The process's POSIX file system. Thread-safe; never destroyed.
//
// Particulars beyond the interface: every descriptor is close-on-exec; new
// files have mode 0644 and new directories 0755, less the umask; a sync is
// fdatasync. A process whose file size is limited (RLIMIT_FSIZE) must ignore
// SIGXFSZ to get ResourceExhausted from WriteAt instead of its death.
//
// LockFile takes an open-file-description lock (F_OFD_SETLK): unlike the older
// POSIX lock it is refused within one process too and doesn't vanish when some
// other descriptor of the file is closed. A child made by fork shares it, and
// it is held until the last copy of the descriptor is closed.
FileSystem& PosixFileSystem();

}  // namespace quire::io

#endif  // QUIRE_IO_POSIX_FILE_SYSTEM_H_
