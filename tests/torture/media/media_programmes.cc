#include "tests/torture/media/media_programmes.h"

#include "tests/torture/media/append_control.h"
#include "tests/torture/media/crash_programmes.h"
#include "tests/torture/media/read_programmes.h"
#include "tests/torture/media/sigbus_programme.h"
#include "tests/torture/media/sync_programmes.h"

namespace quire::torture {

std::vector<Programme> MediaProgrammes() {
  std::vector<Programme> all = CrashProgrammes();
  for (const std::vector<Programme>& some :
       {SyncProgrammes(), AppendControls(), ReadProgrammes()}) {
    all.insert(all.end(), some.begin(), some.end());
  }
  all.push_back(SigbusProgramme());
  return all;
}

}  // namespace quire::torture
