// Connections as text.
#pragma once

#include <ostream>
#include <string>

#include "echogw/admin/v1/admin.pb.h"

namespace echogw::ctl {

void PrintConnections(std::ostream& out, const admin::v1::ListConnectionsResponse& list,
                      bool colour);

// One connection with what the kernel knows of it.
void PrintConnection(std::ostream& out, const admin::v1::GetConnectionResponse& response);

// Header and row of a stream of opens and closes, in columns of fixed width, without a line end.
std::string ConnectionEventHeader();
std::string ConnectionEventRow(const admin::v1::ConnectionEvent& event);

}  // namespace echogw::ctl
