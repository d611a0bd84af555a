#!/bin/sh
# Loads package stanzas with `quire load` and dumps them in all four read modes;
# each dump must have the SHA-256 of the sorted input, and so must those of
# copies made through the formats that carry any bytes. Then a synced load is
# killed half-way: what it acknowledged must be there, and nothing half.
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

first_stanzas() { # COUNT
  awk -v count="$1" 'BEGIN { RS = ""; ORS = "\n\n" } NR <= count'
}

load() { # DB FLAG...
  db=$1
  shift
  "$quire" load --format=stanza --key-fields=Package,Version "$@" "$db" \
    <"$stanzas"
}

dump_digest() { # DB FLAG...
  db=$1
  shift
  "$quire" dump --format=stanza "$@" "$db" | digest
}

failed=0

expect() { # WHAT EXPECTED ACTUAL
  if [ "$2" = "$3" ]; then
    echo "ok      $1"
  else
    echo "FAILED  $1: $3, expected $2"
    failed=1
  fi
}

whole_load() {
  load "$directory/db"
  for mode in pread buffered mmap direct; do
    expect "dump --read-mode=$mode" "$expected" \
      "$(dump_digest "$directory/db" --read-mode=$mode)"
  done
  for format in escaped hex json; do
    "$quire" dump --format=$format "$directory/db" |
      "$quire" load --format=$format "$directory/$format" >/dev/null
    expect "a copy through $format" "$expected" \
      "$(dump_digest "$directory/$format")"
    rm -rf "${directory:?}/$format"
  done
  "$quire" verify "$directory/db"
}

killed_load() {
  killed=$directory/killed
  count=$(grep -c '^Package: ' "$stanzas")
  batch=$((count / 600 + 1))
  half=$((count / batch / 2))
  : >"$directory/progress"
  # Not through load(): the process to kill would be a shell's.
  "$quire" load --format=stanza --key-fields=Package,Version --sync --progress \
    --batch=$batch "$killed" <"$stanzas" >"$directory/progress" &
  loader=$!
  while [ "$(wc -l <"$directory/progress")" -lt "$half" ] &&
    kill -0 $loader 2>/dev/null; do
    :
  done
  kill -9 $loader || echo "the load was done before it could be killed"
  wait $loader || true
  stored=$(sed -n 's/^stored //p' "$directory/progress" | tail -n 1)
  echo "killed after $stored stanzas were acknowledged"

  # What was being written when the kill came may be there too, but whole.
  actual=$(dump_digest "$killed" --read-mode=pread)
  part=$(first_stanzas "$stored" <"$stanzas" | sorted_stanzas | digest)
  if [ "$actual" != "$part" ]; then
    part=$(first_stanzas $((stored + batch)) <"$stanzas" | sorted_stanzas |
      digest)
  fi
  for mode in pread buffered mmap direct; do
    expect "after the kill, --read-mode=$mode" "$part" \
      "$(dump_digest "$killed" --read-mode=$mode)"
  done
  load "$killed" --sync
  expect "after another load" "$expected" "$(dump_digest "$killed")"
  "$quire" verify "$killed"
}

expected=$(sorted_stanzas <"$stanzas" | digest)
echo "sha256  $expected  (sorted input)"
whole_load
killed_load
exit $failed
