#include "tests/torture/media/fuse_disk.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/check.h"
#include "tests/torture/media/fuse_server.h"

namespace quire::torture {

FuseDisk::FuseDisk(const std::string& mount_point, Naming naming)
    : mount_point_(mount_point) {
  const int device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
  if (device < 0) {
    failure_ = std::string("no FUSE: /dev/fuse: ") + strerrordesc_np(errno);
    return;
  }
  close(device);
  int ends[2];
  QUIRE_CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
  QUIRE_CHECK(ends[0] > 2 && ends[1] > 3);
  server_ = fork();
  QUIRE_CHECK(server_ >= 0);
  if (server_ == 0) {
    // Nobody must wait for the end of a pipe that only this process holds.
    close_range(3, static_cast<unsigned>(ends[1]) - 1, 0);
    close_range(static_cast<unsigned>(ends[1]) + 1, ~0u, 0);
    ServeFuseDisk(mount_point_, naming, ends[1]);
  }
  close(ends[1]);
  socket_ = ends[0];
  FuseReply greeting;
  if (recv(socket_, &greeting, sizeof(greeting), 0) != sizeof(greeting)) {
    greeting.error = EIO;
  }
  if (greeting.error != 0) {
    failure_ = std::string("mounting FUSE: ") + strerrordesc_np(greeting.error);
  }
}

FuseDisk::~FuseDisk() {
  if (server_ < 0) return;
  close(socket_);
  waitpid(server_, nullptr, 0);
  // Should it have died before it could.
  umount2(mount_point_.c_str(), MNT_DETACH);
}

FuseReply FuseDisk::Obey(const FuseOrder& order) {
  QUIRE_CHECK(failure_.empty());
  QUIRE_CHECK(send(socket_, &order, sizeof(order), MSG_NOSIGNAL) ==
              sizeof(order));
  FuseReply reply;
  QUIRE_CHECK(recv(socket_, &reply, sizeof(reply), 0) == sizeof(reply));
  return reply;
}

void FuseDisk::Inject(const DiskFault& fault) {
  Obey({.kind = FuseOrder::Kind::kInject, .fault = fault});
}

void FuseDisk::ClearFaults() { Obey({.kind = FuseOrder::Kind::kClear}); }

void FuseDisk::PowerOff(uint64_t after) {
  Obey({.kind = FuseOrder::Kind::kPowerOff, .after = after});
}

void FuseDisk::Cut(const PowerCut& cut) {
  Obey({.kind = FuseOrder::Kind::kCut, .cut = cut});
}

void FuseDisk::SetDirectIo(bool on) {
  Obey({.kind = FuseOrder::Kind::kDirectIo, .on = on});
}

FuseReply FuseDisk::Counts() {
  return Obey({.kind = FuseOrder::Kind::kCounts});
}

}  // namespace quire::torture
