// SPDX-License-Identifier: Apache-2.0
#include "redaction/checks.h"

#include <arpa/inet.h>

#include <algorithm>
#include <string>

#include "redaction/check_digits.h"
#include "redaction/national_numbers.h"

namespace waterline::redaction {
namespace {

// As inet_pton reads it: four numbers to 255 without leading zeros; all forms of RFC 4291 with
// hexadecimal groups, one "::", and an IPv4 address at the end. A zone (RFC 4007) may follow.
bool IsAddress(int family, std::string_view value) {
  unsigned char address[16];
  const std::string text(value.substr(0, family == AF_INET6 ? value.find('%') : value.size()));
  return text.find('\0') == std::string::npos && inet_pton(family, text.c_str(), address) == 1;
}

// Digits that payment cards of the known networks begin with, and their lengths (ISO/IEC 7812 and
// the networks' own lists).
struct CardRange {
  int first;  // As many digits of the number as this has must lie between these two.
  int last;
  size_t shortest;
  size_t longest;
};
constexpr CardRange kCardRanges[] = {
    {4, 4, 13, 13},        // Visa,
    {4, 4, 16, 16},        //
    {4, 4, 19, 19},        //
    {51, 55, 16, 16},      // Mastercard,
    {2221, 2720, 16, 16},  //
    {34, 34, 15, 15},      // American Express,
    {37, 37, 15, 15},      //
    {6011, 6011, 16, 19},  // Discover,
    {644, 659, 16, 19},    //
    {300, 305, 14, 19},    // Diners Club,
    {3095, 3095, 14, 19},  //
    {36, 36, 14, 19},      //
    {38, 39, 14, 19},      //
    {3528, 3589, 16, 19},  // JCB,
    {62, 62, 16, 19},      // UnionPay,
    {81, 81, 16, 19},      //
    {2200, 2204, 16, 19},  // Mir,
    {60, 60, 16, 16},      // RuPay,
    {82, 82, 16, 16},      //
    {508, 508, 16, 16},    //
    {5018, 5018, 12, 19},  // Maestro.
    {5020, 5020, 12, 19},  //
    {5038, 5038, 12, 19},  //
    {5893, 5893, 12, 19},  //
    {6304, 6304, 12, 19},  //
    {6759, 6759, 12, 19},  //
    {6761, 6763, 12, 19},  //
};

bool IsCreditCard(std::string_view number) {
  if (number.size() < 12 || number.size() > 19 || !PassesLuhn(number)) return false;
  return std::any_of(std::begin(kCardRanges), std::end(kCardRanges), [&](const CardRange& range) {
    const size_t digits = std::to_string(range.first).size();
    const int64_t begin = Number(number.substr(0, digits));
    return begin >= range.first && begin <= range.last && number.size() >= range.shortest &&
           number.size() <= range.longest;
  });
}

// Country and characters of its IBANs: SWIFT, IBAN Registry, release 101.
constexpr std::string_view kIbanLengths =
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 "
    "DK18 "
    "DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 "
    "IL23 "
    "IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 "
    "MR27 "
    "MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 "
    "SI19 "
    "SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30 ";

// ISO 13616-1: length by country, ISO 7064 MOD 97-10 with the first four characters at the end.
bool IsIban(std::string_view number) {
  if (number.size() < 15 || !AllDigits(number.substr(2, 2))) return false;
  const std::string length = std::string(number.substr(0, 2)) + std::to_string(number.size()) + " ";
  if (kIbanLengths.find(length) == std::string_view::npos) return false;
  const int64_t check = Number(number.substr(2, 2));
  return check >= 2 && check <= 98 &&
         Mod97(std::string(number.substr(4)) + std::string(number.substr(0, 4))) == 1;
}

// 49 CFR 565.15: letters as digits, weights, the remainder by 11 in the ninth place, X for 10.
bool IsVin(std::string_view number) {
  if (number.size() != 17) return false;
  // By letter, A to Z; I, O and Q are not used.
  static constexpr int kLetters[26] = {1, 2,  3, 4,  5, 6, 7, 8, -1, 1, 2, 3, 4,
                                       5, -1, 7, -1, 9, 2, 3, 4, 5,  6, 7, 8, 9};
  static constexpr int kWeights[17] = {8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2};
  int sum = 0;
  for (size_t i = 0; i < number.size(); ++i) {
    const bool is_digit = number[i] <= '9';
    const int value = is_digit ? number[i] - '0' : kLetters[number[i] - 'A'];
    if (value < 0) return false;
    sum += kWeights[i] * value;
  }
  return number[8] == "0123456789X"[sum % 11];
}

struct Entry {
  Check check;
  const char* name;
  bool (*passes)(std::string_view);
  bool is_raw;  // Takes the value as it stands, else its letters and digits.
};
constexpr Entry kEntries[] = {
    {Check::kLuhn, "luhn", PassesLuhn, false},
    {Check::kMod97, "mod97", [](std::string_view v) { return v.size() > 2 && Mod97(v) == 1; },
     false},
    {Check::kVerhoeff, "verhoeff", PassesVerhoeff, false},
    {Check::kIpv4, "ipv4", [](std::string_view v) { return IsAddress(AF_INET, v); }, true},
    {Check::kIpv6, "ipv6", [](std::string_view v) { return IsAddress(AF_INET6, v); }, true},
    {Check::kCreditCard, "credit_card", IsCreditCard, false},
    {Check::kIban, "iban", IsIban, false},
    {Check::kBitcoin, "bitcoin",
     [](std::string_view v) { return PassesBase58Check(v) || PassesBech32(v, "bc"); }, true},
    {Check::kVin, "vin", IsVin, false},
    {Check::kAuMedicare, "au_medicare", IsAuMedicare, false},
    {Check::kAuTfn, "au_tfn", IsAuTfn, false},
    {Check::kBeNationalNumber, "be_national_number", IsBeNationalNumber, false},
    {Check::kBrCnpj, "br_cnpj", IsBrCnpj, false},
    {Check::kBrCpf, "br_cpf", IsBrCpf, false},
    {Check::kCaSin, "ca_sin", IsCaSin, false},
    {Check::kDeSteuerId, "de_steuer_id", IsDeSteuerId, false},
    {Check::kEsDni, "es_dni", IsEsDni, false},
    {Check::kEuVat, "eu_vat", IsEuVat, false},
    {Check::kFiHetu, "fi_hetu", IsFiHetu, true},
    {Check::kFrNir, "fr_nir", IsFrNir, false},
    {Check::kInAadhaar, "in_aadhaar", IsInAadhaar, false},
    {Check::kItCodiceFiscale, "it_codice_fiscale", IsItCodiceFiscale, false},
    {Check::kNlBsn, "nl_bsn", IsNlBsn, false},
    {Check::kPlPesel, "pl_pesel", IsPlPesel, false},
    {Check::kSePersonnummer, "se_personnummer", IsSePersonnummer, true},
    {Check::kSgNric, "sg_nric", IsSgNric, false},
    {Check::kUkNhs, "uk_nhs", IsUkNhs, false},
    {Check::kUsEin, "us_ein", IsUsEin, false},
    {Check::kUsItin, "us_itin", IsUsItin, false},
    {Check::kUsSsn, "us_ssn", IsUsSsn, false},
};

}  // namespace

const char* CheckName(Check check) {
  for (const Entry& entry : kEntries) {
    if (entry.check == check) return entry.name;
  }
  return "none";
}

std::optional<Check> ParseCheck(std::string_view name) {
  for (const Entry& entry : kEntries) {
    if (name == entry.name) return entry.check;
  }
  return std::nullopt;
}

std::vector<Check> AllChecks() {
  std::vector<Check> checks;
  for (const Entry& entry : kEntries) checks.push_back(entry.check);
  return checks;
}

bool Passes(Check check, std::string_view value) {
  for (const Entry& entry : kEntries) {
    if (entry.check != check) continue;
    return entry.is_raw ? entry.passes(value) : entry.passes(LettersAndDigits(value));
  }
  return true;
}

}  // namespace waterline::redaction
