// The identity of a request: its id, and the W3C trace that it belongs to.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace waterline::server {

// 32 hexadecimal digits, random. Thread-safe.
std::string NewRequestId();

// Whether a client's own id may stand in logs: 1 to 128 letters, digits and any of "._-:".
bool IsRequestId(std::string_view id);

// Whether `header` is a traceparent of version 00 (W3C Trace Context, section 3.2):
// "00-" 32 hexadecimal digits "-" 16 of them "-" 2 of them, lower case, neither id all zeros.
bool IsTraceparent(std::string_view header);

// The trace's id in such a header.
std::string_view TraceIdOf(std::string_view traceparent);

// `traceparent` with a random parent id: what is passed on with the answer.
std::string ChildOf(std::string_view traceparent);

}  // namespace waterline::server
