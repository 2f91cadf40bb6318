// The report of `waterline doctor`, for people and for programs.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "doctor/doctor.h"

namespace waterline::cli {

// Tables; lines end in "\n".
std::string FormatDoctorReport(const DoctorReport& report);

// One JSON object and "\n". docs/doctor.md lists its fields.
std::string FormatDoctorReportJson(const DoctorReport& report);

// "all 123 checks are ok", "2 of 123 checks failed"
std::string DescribeDoctorResult(const DoctorReport& report);

}  // namespace waterline::cli
