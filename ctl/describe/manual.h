// Manual pages in mdoc(7), from the description of the command line. Pure functions.
#pragma once

#include <string>

#include "ctl/describe/model.h"

namespace echogw::ctl {

// "echogwctl" and "echogwctl-stats": the names of pages, and of files with ".1" behind.
std::string ManualName(const CliModel& model);
std::string ManualName(const CliModel& model, const CliVerb& verb);

// `date` as mdoc wants it, for example "February 29, 2024".
std::string ManualPage(const CliModel& model, const std::string& date);
std::string ManualPage(const CliModel& model, const CliVerb& verb, const std::string& date);

}  // namespace echogw::ctl
