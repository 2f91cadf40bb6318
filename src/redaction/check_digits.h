// Check digits that many numbers share.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace waterline::redaction {

// The ASCII letters, as capitals, and the ASCII digits of `value`: what is left without separators.
std::string LettersAndDigits(std::string_view value);

// Whether `text` has digits, and nothing else.
bool AllDigits(std::string_view text);
// Requires a digit.
inline int DigitAt(std::string_view text, size_t i) { return text[i] - '0'; }
// The number that up to 18 digits write.
int64_t Number(std::string_view digits);

// The sum of the first digits, each times its weight.
int WeightedSum(std::string_view digits, std::initializer_list<int> weights);

// Those below take digits only, with the check digit last; false for anything else.

// The formula of Luhn: ISO/IEC 7812-1, annex B.
bool PassesLuhn(std::string_view digits);
// The dihedral group of order 10: J. Verhoeff, Error detecting decimal codes, 1969.
bool PassesVerhoeff(std::string_view digits);
// ISO/IEC 7064, MOD 11,10.
bool PassesMod11_10(std::string_view digits);

// The remainder by 97 of a number with letters for 10 (A) to 35 (Z), as ISO/IEC 7064 MOD 97-10
// takes it; -1 for other characters.
int Mod97(std::string_view letters_and_digits);

// Base58Check of a payload of 21 bytes: what Bitcoin's addresses of the first kind are.
bool PassesBase58Check(std::string_view address);
// Bech32 (BIP 173) and Bech32m (BIP 350) of a segregated-witness address: prefix, "1", data; in one
// case. The checksum, the version and the length of the program.
bool PassesBech32(std::string_view address, std::string_view prefix);

}  // namespace waterline::redaction
