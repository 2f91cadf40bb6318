// One connection: HTTP/1.1 requests one after the other, plain or over TLS.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <memory>

#include "service.h"

namespace waterline::server {

// Serves `socket`, whose executor is a strand, until it is closed. Returns at once.
void StartSession(std::shared_ptr<Service> service, boost::asio::ip::tcp::socket socket);

}  // namespace waterline::server
