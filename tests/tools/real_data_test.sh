#!/bin/sh
# Runs scripts/real_data_check.sh on generated stanzas, and on the real ones of
# this machine's package lists where there are any.
#
# Arguments: the check, the quire binary.

set -eu

check=$1
quire=$2
directory=$(mktemp -d "${TEST_TMPDIR:-/tmp}/real_data_XXXXXX")
trap 'rm -rf "$directory"' EXIT

# Stanzas in no order, with folded fields, UTF-8, empty fields, several versions
# of a package, and some that come again: the later ones count.
generate() {
  awk 'BEGIN {
    for (i = 0; i < 3000; i++) {
      n = (i * 7919) % 2400
      printf "Package: package%d-\303\251\n", n % 1200
      printf "Version: %d:1.%d~rc%d\n", n % 3, n % 40, n
      printf "Priority:\nSize: %d\n", i
      printf "Description: generated\n"
      for (j = 0; j < n % 50; j++) {
        printf " line %d\tof the description of %d\n .\n", j, i
      }
      print ""
    }
  }'
}

echo "generated stanzas:"
generate >"$directory/generated"
mkdir "$directory/1"
"$check" "$quire" "$directory/generated" "$directory/1"
rm -rf "$directory/1"

if ! command -v apt-cache >/dev/null; then
  echo "real stanzas: skipped, there is no apt-cache here"
  exit 0
fi
apt-cache dumpavail >"$directory/available"
count=$(grep -c '^Package: ' "$directory/available" || true)
if [ "$count" -lt 1000 ]; then
  echo "real stanzas: skipped, this machine's package lists hold only $count"
  exit 0
fi
echo "$count real stanzas:"
mkdir "$directory/2"
"$check" "$quire" "$directory/available" "$directory/2"
