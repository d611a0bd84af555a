#!/bin/sh
# Loads package stanzas with `quire load` and dumps them in all four read modes;
# each dump must have the SHA-256 of the sorted input, and so must those of
# copies made through the formats that carry any bytes.
#
# Usage: real_data_check.sh QUIRE STANZAS DIRECTORY
#   QUIRE      the binary
#   STANZAS    a file as `apt-cache dumpavail` prints it
#   DIRECTORY  an existing directory for the databases
#
# The reference is made by awk and sort alone: keys are "PACKAGE VERSION",
# ordered as bytes; of stanzas with one key the last counts.

set -eu

if [ $# -ne 3 ]; then
  echo "usage: $0 QUIRE STANZAS DIRECTORY" >&2
  exit 2
fi
quire=$1
stanzas=$2
directory=$3
tab=$(printf '\t')

LC_ALL=C
export LC_ALL

digest() {
  sha256sum | cut -d ' ' -f 1
}

# Each stanza as one line: key, tab, the stanza's lines with \001 for \n.
lines_of_stanzas() {
  awk 'BEGIN { RS = ""; FS = "\n" }
    {
      package = version = ""
      for (i = 1; i <= NF; i++) {
        if ($i ~ /^Package: /) package = substr($i, 10)
        if ($i ~ /^Version: /) version = substr($i, 10)
      }
      gsub(/\n/, "\001")
      print package " " version "\t" $0 "\001"
    }'
}

last_of_each_key() {
  awk -F "$tab" 'NR > 1 && $1 != key { print line }
    { key = $1; line = $0 }
    END { if (NR > 0) print line }'
}

sorted_stanzas() {
  lines_of_stanzas | sort -s -t "$tab" -k 1,1 | last_of_each_key |
    cut -f 2- | tr '\001' '\n'
}

failed=0

expect() { # WHAT ACTUAL
  if [ "$2" = "$expected" ]; then
    echo "ok      $1"
  else
    echo "FAILED  $1: $2"
    failed=1
  fi
}

expected=$(sorted_stanzas <"$stanzas" | digest)
echo "sha256  $expected  (sorted input)"

"$quire" load --format=stanza --key-fields=Package,Version "$directory/db" \
  <"$stanzas"
for mode in pread buffered mmap direct; do
  expect "dump --read-mode=$mode" \
    "$("$quire" dump --format=stanza --read-mode=$mode "$directory/db" | digest)"
done
for format in escaped hex json; do
  "$quire" dump --format=$format "$directory/db" |
    "$quire" load --format=$format "$directory/$format" >/dev/null
  expect "a copy through $format" \
    "$("$quire" dump --format=stanza "$directory/$format" | digest)"
done
"$quire" verify "$directory/db"
exit $failed
