// Connections as people read them. Pure but for the stream they are given.
#pragma once

#include <ostream>
#include <string>

#include "echogw/admin/v1/admin.pb.h"

namespace echogw::ctl {

void PrintConnections(std::ostream& out, const admin::v1::ListConnectionsResponse& list,
                      bool colour);

// One connection with what the kernel knows of it.
void PrintConnection(std::ostream& out, const admin::v1::GetConnectionResponse& response);

// Rows of a stream: the header, and one open or close. Columns have fixed widths, because the rows
// to come are not known; that of the id holds a reactor in its upper bits. Without a line end.
std::string ConnectionEventHeader();
std::string ConnectionEventRow(const admin::v1::ConnectionEvent& event);

}  // namespace echogw::ctl
