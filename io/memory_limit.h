// How much memory this process may have.

#ifndef QUIRE_IO_MEMORY_LIMIT_H_
#define QUIRE_IO_MEMORY_LIMIT_H_

#include <cstdint>
#include <string>

namespace quire::io {

// The machine's memory, or less where a control group (version 1 or 2, this
// process's or one above it, a container's too) allows less. In bytes. Reads a
// few files of the kernel's: not for hot paths.
uint64_t UsableMemoryBytes();

// The least limit of the control groups, as the files in `root` (normally "/")
// tell; UINT64_MAX if there is none, or none that can be read.
uint64_t ControlGroupMemoryLimit(const std::string& root);

}  // namespace quire::io

#endif  // QUIRE_IO_MEMORY_LIMIT_H_
