// SPDX-License-Identifier: Apache-2.0
// A conference file as messages of the control API, and the wiping of both once they are sent. One thread.
#pragma once

#include <string>

#include "mediaward/v1/mediaward.pb.h"
#include "tools/conference_file.h"

namespace mediaward::tools {

[[nodiscard]] std::string leg_id(const ConferenceFile& conference, const std::string& participant);

// The whole conference.
void fill(v1::ReplaceConference& out, const ConferenceFile& in);

// The keys alone: of the group, and of one participant. False: the file has none for it.
[[nodiscard]] bool fill(v1::RekeyConference& out, const ConferenceFile& in);
[[nodiscard]] bool fill(v1::RekeyLeg& out, const ConferenceFile& conference, const ConferenceFile::Participant& in);

void wipe_keys(ConferenceFile& file);

}  // namespace mediaward::tools
