// Checks of what a pattern matched: check digits and the ranges that an issuer gives out. A rule
// file names one of them with `check:`. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>
#include <vector>

namespace waterline::redaction {

enum class Check {
  kNone,
  kLuhn,
  kMod97,
  kVerhoeff,
  kIpv4,
  kIpv6,
  kCreditCard,
  kIban,
  kBitcoin,
  kVin,
  kAuMedicare,
  kAuTfn,
  kBeNationalNumber,
  kBrCnpj,
  kBrCpf,
  kCaSin,
  kDeSteuerId,
  kEsDni,
  kEuVat,
  kFiHetu,
  kFrNir,
  kInAadhaar,
  kItCodiceFiscale,
  kNlBsn,
  kPlPesel,
  kSePersonnummer,
  kSgNric,
  kUkNhs,
  kUsEin,
  kUsItin,
  kUsSsn,
};

// As rule files write it: "luhn", "us_ssn", ...
const char* CheckName(Check check);
// The check of that name; empty: there is none.
std::optional<Check> ParseCheck(std::string_view name);
// All of them but kNone, in the order above.
std::vector<Check> AllChecks();

// Whether `value` is one that the check lets pass. It is taken as it stands in a text: ASCII
// letters of either case and ASCII digits count, all else separates them, but where a sign is part
// of the number (fi_hetu, se_personnummer) or of the address (ipv4, ipv6). Any bytes may be given.
// kNone lets everything pass.
bool Passes(Check check, std::string_view value);

}  // namespace waterline::redaction
