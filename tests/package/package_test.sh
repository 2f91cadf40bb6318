#!/usr/bin/env bash
# Installs a build into an empty directory, builds README's C++ example against it with find_package,
# and runs both the example and the installed program with the installed model.
# usage: package_test.sh SOURCE_DIR BUILD_DIR
set -euo pipefail
source=$1 build=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --install "$build" --prefix "$work/prefix" >/dev/null
python3 - "$source/README.md" "$work/example.cc" <<'PY'
import re, sys
blocks = re.findall(r"```cpp\n(.*?)```", open(sys.argv[1], encoding="utf-8").read(), re.S)
example = [b for b in blocks if "int main" in b]
assert len(example) == 1, "README has one C++ program"
open(sys.argv[2], "w", encoding="utf-8").write(example[0])
PY
cmake -S "$source/tests/package" -B "$work/build" -DCMAKE_PREFIX_PATH="$work/prefix" \
  -DEXAMPLE="$work/example.cc" >/dev/null
cmake --build "$work/build" >/dev/null
cd "$work"
export WATERLINE_MODELS="$work/prefix/share/waterline/models"
"$work/build/example" | tee "$work/example.out"
grep -q "Ada Lovelace" "$work/example.out"
unset WATERLINE_MODELS
echo "Ada Lovelace lived in London." | "$work/prefix/bin/waterline" extract --labels person,city |
  tee "$work/program.out"
grep -q '"Ada Lovelace"' "$work/program.out"
# Nothing but the public headers is visible.
leaked=$(nm -D --defined-only -C "$work"/prefix/lib*/libwaterline.so | grep ' T ' |
         grep -v 'waterline::\(Engine::\|Inspect\|Pack(\|CodeName\)' || true)
[ -z "$leaked" ] || { echo "exported beside the public headers: $leaked"; exit 1; }
