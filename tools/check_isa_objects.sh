#!/bin/sh
# Checks objects compiled for one instruction set: none may define a symbol the linker could pick for
# the rest of the program (weak, unique, or any function at all), else a machine without that
# instruction set might run it. Usage: tools/check_isa_objects.sh OBJECT...
# SPDX-License-Identifier: Apache-2.0
set -eu
if [ $# -eq 0 ]; then
  echo "usage: $0 OBJECT..." >&2
  exit 2
fi
status=0
for object in "$@"; do
  found=$(nm -C "$object" | grep -E ' [WVuTi] ' || true)
  if [ -n "$found" ]; then
    echo "$object defines symbols that other objects may share:" >&2
    echo "$found" >&2
    status=1
  fi
done
exit $status
