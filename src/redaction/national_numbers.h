// Numbers that states give to people and firms. Each function takes capitals and digits without
// separators, where it says nothing else, and is false for what has another form.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace waterline::redaction {

// Australia. Medicare card: 10 digits, or 11 with the place on the card; the ninth is the check
// digit (weights 1 3 7 9 1 3 7 9 modulo 10). Tax file number: 8 or 9 digits, weights 1 4 3 7 5 8 6
// 9 10, the sum divisible by 11.
bool IsAuMedicare(std::string_view number);
bool IsAuTfn(std::string_view number);
// Belgium, numéro de registre national, and numéro BIS, whose month is 20 or 40 higher: YYMMDD,
// three digits, 97 less the remainder of the first nine by 97, with a 2 before them from 2000 on
// (royal decree of 3 April 1984). A month or day that nobody knows is 00, and where a month has run
// out of numbers its days go on to 31.
bool IsBeNationalNumber(std::string_view number);
// Brazil. CPF: 11 digits, CNPJ: 14, in the first 12 of which letters may stand for 17 (A) and on
// (Instrução Normativa RFB 2229/2024); the last two are 11 less the weighted sums modulo 11, or 0.
bool IsBrCpf(std::string_view number);
bool IsBrCnpj(std::string_view number);
// Canada, social insurance number: 9 digits, Luhn; none begins with 0 or 8.
bool IsCaSin(std::string_view number);
// Germany, steuerliche Identifikationsnummer: 11 digits, ISO 7064 MOD 11,10; of the first ten
// digits one stands there twice or three times and all others at most once (section 139b AO; §1
// StIdV).
bool IsDeSteuerId(std::string_view number);
// Spain. DNI: 8 digits and a letter by the remainder by 23; NIE: X, Y or Z for 0, 1 or 2 before 7
// digits (Real Decreto 1553/2005; Orden INT/2058/2008).
bool IsEsDni(std::string_view number);
// Finland, henkilötunnus, with its sign: DDMMYY, a sign for the century, three digits from 002 on,
// a character by the remainder by 31 of the nine digits. The signs of 2023 too (decree 690/2022).
bool IsFiHetu(std::string_view number);
// France, numéro de sécurité sociale (NIR): 13 characters and 97 less their remainder by 97; 2A and
// 2B of Corsica are 19 and 18 there.
bool IsFrNir(std::string_view number);
// India, Aadhaar: 12 digits, Verhoeff; none begins with 0 or 1 or reads the same backwards.
bool IsInAadhaar(std::string_view number);
// Italy, codice fiscale of people: 16 characters, the last by tables for odd and even places modulo
// 26; letters may stand for digits (decree of 23 December 1976). The date of birth must exist.
bool IsItCodiceFiscale(std::string_view number);
// Netherlands, burgerservicenummer: 9 digits, weights 9 8 7 6 5 4 3 2 -1, the sum divisible by 11.
bool IsNlBsn(std::string_view number);
// Poland, PESEL: YYMMDD with the century in the month, 4 digits, a check digit by weights 1 3 7 9
// modulo 10. The date must exist.
bool IsPlPesel(std::string_view number);
// Sweden, personnummer and samordningsnummer (day and 60), with or without sign: (YY)YYMMDD, sign,
// three digits and their Luhn digit, which the first two digits of the year are not part of.
bool IsSePersonnummer(std::string_view number);
// Singapore, NRIC and FIN: a letter, 7 digits with weights 2 7 6 5 4 3 2, a letter by the sum
// modulo 11 from the table of the first letter; T and G add 4, M adds 3.
bool IsSgNric(std::string_view number);
// United Kingdom, NHS number: 10 digits, the last 11 less the sum by weights 10 to 2 modulo 11 (NHS
// Data Dictionary).
bool IsUkNhs(std::string_view number);
// United States. Employer identification number: a prefix that the IRS gives out. Individual
// taxpayer identification number: 9xx, a group of 50-65, 70-88, 90-92 or 94-99. Social security
// number: area not 000, 666 or 9xx, group not 00, serial not 0000 (SSA, POMS RM 10201.035).
bool IsUsEin(std::string_view number);
bool IsUsItin(std::string_view number);
bool IsUsSsn(std::string_view number);
// Value added tax of the European Union, with the prefix of the country, of those whose rule is
// short: BE, DE, FR (of digits), IT, LU, PL, PT.
bool IsEuVat(std::string_view number);

}  // namespace waterline::redaction
