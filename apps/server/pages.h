// The files of pages/, which are part of the program.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace waterline::server {

extern const std::string_view kIndexPage;
extern const std::string_view kDocsPage;
extern const std::string_view kOpenApi;

}  // namespace waterline::server
