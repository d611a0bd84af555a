#include "kv/internal/second_reading.h"

#include "absl/strings/str_cat.h"
#include "base/string_view.h"

namespace quire::kv_internal {

absl::Status SecondVerdict(io::PageProvider& provider, absl::Status check) {
  if (check.ok()) {
    provider.failed_checks().in_memory.Add(1);
    return check;
  }
  if (!absl::IsDataLoss(check)) return check;
  provider.failed_checks().on_media.Add(1);
  return absl::DataLossError(absl::StrCat(check.message(), " (read twice, by ",
                                          base::AbslView(provider.Name()),
                                          ")"));
}

}  // namespace quire::kv_internal
