// Everything that the file of a verb includes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "ctl/cli/commands.h"
#include "ctl/cli/option_set.h"
#include "ctl/gateway/call.h"
#include "ctl/output/emit.h"
#include "ctl/output/proto_document.h"
#include "ctl/output/table.h"
#include "ctl/output/units.h"
#include "ctl/verbs/operation_flow.h"
#include "ctl/verbs/shared_options.h"
#include "ctl/views/enum_text.h"
