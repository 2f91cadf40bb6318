#!/usr/bin/env python3
# Writes src/text/word_classes.cc from the regular expressions of the Python that runs it.
# The reference's tables are those of CPython 3.11 (Unicode 14); other versions are refused.
# SPDX-License-Identifier: Apache-2.0
"""python3.11 tools/make_word_classes.py > src/text/word_classes.cc
python3.11 tools/make_word_classes.py --ranges > tests/golden/words/classes.txt"""

import re
import sys
import unicodedata

UNICODE = "14.0.0"
BLOCK = 128  # Code points a block; word_classes.h knows the number too.
OTHER, WORD, SPACE = 0, 1, 2


def class_of(code):
    text = chr(code)
    if re.match(r"\w", text):
        return WORD
    return OTHER if re.match(r"\S", text) else SPACE


def print_ranges(classes):
    first = 0
    for code in range(1, len(classes) + 1):
        if code == len(classes) or classes[code] != classes[first]:
            print(f"{first:X} {code - 1:X} {('other', 'word', 'space')[classes[first]]}")
            first = code


def main():
    if unicodedata.unidata_version != UNICODE:
        sys.exit(f"needs the tables of Unicode {UNICODE}, this Python has {unicodedata.unidata_version}")
    classes = [class_of(code) for code in range(sys.maxunicode + 1)]
    for code, cls in enumerate(classes):
        category = unicodedata.category(chr(code))
        assert (cls == WORD) == (category[0] in "LN" or code == 0x5F), hex(code)
    assert classes.count(SPACE) == 29

    if "--ranges" in sys.argv:
        return print_ranges(classes)

    end = max(code for code, cls in enumerate(classes) if cls != OTHER) + 1
    end = (end + BLOCK - 1) // BLOCK * BLOCK
    blocks = {}
    index = []
    for first in range(0, end, BLOCK):
        block = tuple(
            sum(classes[at + i] << (2 * i) for i in range(32))
            for at in range(first, first + BLOCK, 32)
        )
        index.append(blocks.setdefault(block, len(blocks)))
    assert len(blocks) <= 256

    print(f"// Word and space classes of Unicode {UNICODE}. Made by tools/make_word_classes.py, not by hand.")
    print("// SPDX-License-Identifier: Apache-2.0")
    print('#include "text/word_classes.h"\n')
    print("namespace waterline {\n")
    print("// clang-format off")
    print(f"static_assert(kClassifiedEnd == 0x{end:X});\n")
    print("const uint8_t kClassIndex[kClassifiedEnd / kClassBlock] = {")
    for at in range(0, len(index), 24):
        print("    " + " ".join(f"{i}," for i in index[at : at + 24]))
    print("};\n")
    print("const uint64_t kClassBlocks[][kClassBlock / 32] = {")
    for block in blocks:
        print("    {" + ", ".join(f"0x{bits:016x}" for bits in block) + "},")
    print("};")
    print("// clang-format on\n")
    print("}  // namespace waterline")


if __name__ == "__main__":
    main()
