-- SPDX-License-Identifier: Apache-2.0
-- Wireshark dissector for PPSPP, the peer-to-peer streaming peer protocol (RFC 7574): all messages and options as fields ppspp.*,
-- with expert information where a datagram breaks off. Messages carry no length, so a swarm's sizes are learned from the HANDSHAKEs of
-- its channels; for captures that begin later they are preferences. Nothing is verified: no hash, no signature, no state of a transfer.
--
--   wireshark -X lua_script:tools/ppspp.lua        then "Decode As" on the port, or the preferences of PPSPP (docs/ppspp-wireshark.md)
--   tshark -X lua_script:tools/ppspp.lua -r FILE -d udp.port==6778,ppspp

local ppspp = Proto("ppspp", "Peer-to-Peer Streaming Peer Protocol")

-- RFC 7574 §8.2, table 7
local TYPES = {[0] = "HANDSHAKE", "DATA", "ACK", "HAVE", "INTEGRITY", "PEX_RESv4", "PEX_REQ", "SIGNED_INTEGRITY", "REQUEST", "CANCEL",
               "CHOKE", "UNCHOKE", "PEX_RESv6", "PEX_REScert"}
local OPTIONS = {[0] = "Version", "Minimum Version", "Swarm ID", "Content Integrity Protection Method", "Merkle Hash Tree Function",
                 "Live Signature Algorithm", "Chunk Addressing Method", "Live Discard Window", "Supported Messages", "Chunk Size",
                 [255] = "End"}
local METHODS = {[0] = "No integrity protection", "Merkle Hash Tree", "Sign All", "Unified Merkle Tree"}
local FUNCTIONS = {[0] = "SHA-1", "SHA-224", "SHA-256", "SHA-384", "SHA-512"}
local HASH_BYTES = {[0] = 20, 28, 32, 48, 64}
local SIGNATURES = {[5] = "RSASHA1", [8] = "RSASHA256", [13] = "ECDSAP256SHA256", [14] = "ECDSAP384SHA384"}
local ADDRESSINGS = {[0] = "32-bit bins", "64-bit byte ranges", "32-bit chunk ranges", "64-bit bins", "64-bit chunk ranges"}
local BIN32, BYTE64, CHUNK32, BIN64 = 0, 1, 2, 3
local RANGE_BYTES = {[0] = 4, 16, 8, 8, 16}
local VARIABLE = 0xffffffff -- RFC 7574 §7.11

local ONE, ZERO, ALL32, ALL64 = UInt64(1), UInt64(0), UInt64(0xffffffff), UInt64(0xffffffff, 0xffffffff)

local f = {
  destination = ProtoField.uint32("ppspp.channel.destination", "Destination Channel ID", base.HEX),
  source = ProtoField.uint32("ppspp.channel.source", "Source Channel ID", base.HEX),
  keep_alive = ProtoField.bool("ppspp.keep_alive", "Keep-Alive", base.NONE, nil, 0, "Nothing but a channel ID (RFC 7574 §8.14)"),
  close = ProtoField.bool("ppspp.close", "Close", base.NONE, nil, 0, "HANDSHAKE with source channel 0 (RFC 7574 §8.4)"),
  swarm = ProtoField.string("ppspp.swarm", "Swarm", base.ASCII, "Swarm ID of the channel in hex, as its HANDSHAKE told"),
  message = ProtoField.string("ppspp.message", "Message", base.ASCII, "Type and range"),
  type = ProtoField.uint8("ppspp.type", "Type", base.DEC, TYPES),
  first = ProtoField.uint64("ppspp.range.first", "First", base.DEC, nil, 0, "First chunk, or byte with 64-bit byte ranges"),
  last = ProtoField.uint64("ppspp.range.last", "Last", base.DEC, nil, 0, "Last chunk or byte, included"),
  count = ProtoField.uint64("ppspp.range.count", "Count", base.DEC),
  bin32 = ProtoField.uint32("ppspp.bin", "Bin", base.HEX_DEC),
  bin64 = ProtoField.uint64("ppspp.bin64", "Bin", base.HEX_DEC),
  timestamp = ProtoField.uint64("ppspp.data.timestamp", "Timestamp (microseconds)", base.DEC),
  data = ProtoField.bytes("ppspp.data", "Chunk"),
  data_length = ProtoField.uint32("ppspp.data.length", "Chunk length", base.DEC),
  delay = ProtoField.int64("ppspp.ack.delay", "One-way delay sample (microseconds)", base.DEC, nil, 0, "Clocks are not synchronised"),
  hash = ProtoField.bytes("ppspp.hash", "Hash"),
  ntp = ProtoField.uint64("ppspp.signed_integrity.timestamp", "NTP timestamp", base.HEX_DEC),
  ntp_time = ProtoField.absolute_time("ppspp.signed_integrity.time", "Time", base.UTC),
  unix_time = ProtoField.absolute_time("ppspp.signed_integrity.unix_time", "Time, were it microseconds since 1970", base.UTC, "As libswift sends it"),
  signature = ProtoField.bytes("ppspp.signature", "Signature"),
  ipv4 = ProtoField.ipv4("ppspp.pex.ipv4", "IPv4 address"),
  ipv6 = ProtoField.ipv6("ppspp.pex.ipv6", "IPv6 address"),
  port = ProtoField.uint16("ppspp.pex.port", "Port", base.DEC),
  certificate_length = ProtoField.uint16("ppspp.pex.certificate.length", "Certificate length", base.DEC),
  certificate = ProtoField.bytes("ppspp.pex.certificate", "Certificate (X.509v3, DER)"),
  rest = ProtoField.bytes("ppspp.undecoded", "Not decoded"),
  option = ProtoField.uint8("ppspp.option", "Option", base.DEC, OPTIONS),
  version = ProtoField.uint8("ppspp.option.version", "Version", base.DEC),
  minimum_version = ProtoField.uint8("ppspp.option.minimum_version", "Minimum version", base.DEC),
  swarm_id_length = ProtoField.uint16("ppspp.option.swarm_id.length", "Length", base.DEC),
  swarm_id = ProtoField.bytes("ppspp.option.swarm_id", "Swarm ID"),
  method = ProtoField.uint8("ppspp.option.integrity", "Content integrity protection method", base.DEC, METHODS),
  merkle = ProtoField.uint8("ppspp.option.merkle", "Merkle hash tree function", base.DEC, FUNCTIONS),
  live_signature = ProtoField.uint8("ppspp.option.live_signature", "Live signature algorithm", base.DEC, SIGNATURES),
  addressing = ProtoField.uint8("ppspp.option.addressing", "Chunk addressing method", base.DEC, ADDRESSINGS),
  window = ProtoField.uint64("ppspp.option.discard_window", "Live discard window", base.DEC),
  supported_length = ProtoField.uint8("ppspp.option.supported.length", "Length", base.DEC),
  supported = ProtoField.bytes("ppspp.option.supported", "Supported messages"),
  supports = ProtoField.string("ppspp.option.supports", "Supports"),
  chunk_size = ProtoField.uint32("ppspp.option.chunk_size", "Chunk size", base.DEC, {[VARIABLE] = "variable"}),
}
ppspp.fields = f

local function malformed(name, text)
  return ProtoExpert.new("ppspp." .. name, text, expert.group.MALFORMED, expert.severity.ERROR)
end
local function remark(name, text, severity)
  return ProtoExpert.new("ppspp." .. name, text, expert.group.PROTOCOL, severity)
end
local e = {
  truncated = malformed("truncated", "Message or option reaches beyond the datagram"),
  unknown_type = malformed("unknown_type", "Unassigned message type: the rest cannot be delimited"),
  reserved_type = malformed("reserved_type", "Reserved message type"),
  bad_range = malformed("bad_range", "Range that the message cannot have"),
  empty_chunk = malformed("empty_chunk", "DATA without content"),
  bad_chunk_bytes = malformed("bad_chunk_bytes", "DATA of another length than its byte range"),
  handshake_not_first = malformed("handshake_not_first", "HANDSHAKE behind another message"),
  no_hash = malformed("no_hash", "INTEGRITY in a swarm without hashes"),
  no_signature = malformed("no_signature", "SIGNED_INTEGRITY, but no signature length is known"),
  unassigned_option = malformed("unassigned_option", "Unassigned option: the rest cannot be delimited"),
  option_order = remark("option_order", "Option out of order or twice (RFC 7574 §7)", expert.severity.WARN),
  option_value = remark("option_value", "Option value that is not registered", expert.severity.WARN),
  no_addressing = remark("no_addressing", "Discard window without chunk addressing in front of it", expert.severity.WARN),
  no_end = remark("no_end", "Option list without End", expert.severity.WARN),
  cut = remark("cut", "The capture has only the beginning of this datagram", expert.severity.NOTE),
  guessed = remark("guessed", "No HANDSHAKE seen: sizes are those of the preferences", expert.severity.NOTE),
}
ppspp.experts = e

local function choices(names)
  local list = {}
  for number = 0, #names do list[#list + 1] = {number + 1, names[number], number} end
  return list
end
ppspp.prefs.ports = Pref.range("UDP ports", "", "Ports that carry PPSPP: none is assigned by IANA. RFC 7574 uses 6778 in an example", 65535)
ppspp.prefs.heuristic = Pref.bool("Recognise HANDSHAKEs on any port", false,
  "Takes a conversation for PPSPP when a datagram begins one (destination channel 0) with a well-formed option list")
ppspp.prefs.hash = Pref.enum("Hash function", 2, "Of channels without HANDSHAKE, and of live swarms, which do not tell it", choices(FUNCTIONS), false)
ppspp.prefs.addressing = Pref.enum("Chunk addressing", 2, "Of channels whose HANDSHAKE is not in the capture", choices(ADDRESSINGS), false)
ppspp.prefs.chunk_bytes = Pref.uint("Chunk size", 0,
  "Of channels whose HANDSHAKE is not in the capture or does not tell it; 0: one DATA takes the rest")
ppspp.prefs.signature_bytes = Pref.uint("Signature length", 64, "Of channels whose HANDSHAKE is not in the capture; ECDSA P-256: 64")

-- What delimits messages, by the address, port and channel they are sent to. A frame keeps what it was first read with: later frames may
-- have given its channel to another swarm by the time it is looked at again.
local channels, frames = {}, {}

function ppspp.init()
  channels, frames = {}, {}
end

local function defaults()
  return {addressing = ppspp.prefs.addressing, hash_bytes = HASH_BYTES[ppspp.prefs.hash], signature_bytes = ppspp.prefs.signature_bytes,
          chunk_bytes = ppspp.prefs.chunk_bytes == 0 and VARIABLE or ppspp.prefs.chunk_bytes, guessed = true}
end

local function copy(t)
  local out = {}
  for k, v in pairs(t) do out[k] = v end
  return out
end

local function towards(address, port, peer, peer_port, channel)
  return string.format("%s %d %s %d %08x", tostring(address), port, tostring(peer), peer_port, channel)
end

-- Length of signatures by a live swarm's key (RFC 7574 §7.4, RFC 3110 §2, RFC 6605 §4); 0: no such key.
local function signature_bytes(id)
  local algorithm = id:len() > 2 and id(0, 1):uint() or 0
  if algorithm == 13 and id:len() == 65 then return 64 end
  if algorithm == 14 and id:len() == 97 then return 96 end
  if algorithm ~= 5 and algorithm ~= 8 then return 0 end
  local exponent, head = id(1, 1):uint(), 2
  if exponent == 0 and id:len() > 4 then exponent, head = id(2, 2):uint(), 4 end
  return math.max(0, id:len() - head - exponent)
end

-- The datagram cannot be read further. Where the capture has only its beginning, that is no fault of the sender.
local function fail(state, item, what)
  item:add_proto_expert_info(state.cut and e.cut or what)
  state.failed = true
end

local function option_value(tree, field, range, valid)
  local item = tree:add(field, range)
  if not valid then item:add_proto_expert_info(e.option_value) end
  return range:uint()
end

-- One reader per option code: value range without its length field → what it means for the framing.
local readers = {
  [0] = function(tree, v) option_value(tree, f.version, v, v:uint() ~= 0) end,
  [1] = function(tree, v) option_value(tree, f.minimum_version, v, v:uint() ~= 0) end,
  [2] = function(tree, v, framing)
    tree:add(f.swarm_id_length, v(0, 2))
    if v:len() == 2 then return tree:add_proto_expert_info(e.option_value) end
    tree:add(f.swarm_id, v(2))
    framing.swarm = v(2):bytes():tohex(true)
    framing.key_signature_bytes = signature_bytes(v(2))
  end,
  [3] = function(tree, v, framing) framing.method = option_value(tree, f.method, v, METHODS[v:uint()]) end,
  [4] = function(tree, v, framing)
    local number = option_value(tree, f.merkle, v, FUNCTIONS[v:uint()])
    framing.hash_bytes = HASH_BYTES[number] or framing.hash_bytes
  end,
  [5] = function(tree, v) option_value(tree, f.live_signature, v, SIGNATURES[v:uint()]) end,
  [6] = function(tree, v, framing)
    local number = option_value(tree, f.addressing, v, ADDRESSINGS[v:uint()])
    framing.addressing = RANGE_BYTES[number] and number or framing.addressing
  end,
  [7] = function(tree, v)
    local keeps_all = v:len() == 4 and v:uint() == 0xffffffff or v:len() == 8 and v:uint64() == ALL64
    tree:add(f.window, v):append_text(keeps_all and " (nothing is discarded)" or "")
  end,
  [8] = function(tree, v)
    tree:add(f.supported_length, v(0, 1))
    if v:len() == 1 then return end
    local bitmap = tree:add(f.supported, v(1))
    if v:len() > 33 then bitmap:add_proto_expert_info(e.option_value) end
    for at = 0, v:len() - 2 do
      for position = 0, 7 do
        local number = at * 8 + position
        if v(at + 1, 1):bitfield(position, 1) == 1 then bitmap:add(f.supports, v(at + 1, 1), TYPES[number] or tostring(number)):set_generated() end
      end
    end
  end,
  [9] = function(tree, v, framing) framing.chunk_bytes = option_value(tree, f.chunk_size, v, v:uint() ~= 0) end,
}

-- Bytes of an option's value with its length field, or nothing when that is cut off.
local function option_bytes(code, rest, framing)
  if code == 2 then return rest:len() >= 3 and 2 + rest(1, 2):uint() or nil end
  if code == 7 then return (framing.addressing == BIN32 or framing.addressing == CHUNK32) and 4 or 8 end
  if code == 8 then return rest:len() >= 2 and 1 + rest(1, 1):uint() or nil end
  return code == 9 and 4 or 1
end

-- RFC 7574 §7: options in ascending order, each once, then End. Returns the bytes they take.
local function options(state, tree, list, framing)
  local at, highest = 0, -1
  while at < list:len() do
    local rest = list(at)
    local code = rest(0, 1):uint()
    local item = tree:add(f.option, rest(0, 1))
    if code == 255 then return at + 1 end
    if code > 9 then fail(state, item, e.unassigned_option) return at end
    if code <= highest then item:add_proto_expert_info(e.option_order) end
    if code == 7 and not framing.told_addressing then item:add_proto_expert_info(e.no_addressing) end
    local bytes = option_bytes(code, rest, framing)
    if bytes == nil or 1 + bytes > rest:len() then fail(state, item, e.truncated) return at end
    item:set_len(1 + bytes)
    readers[code](item, rest(1, bytes), framing)
    framing.told_addressing = framing.told_addressing or code == 6
    highest = math.max(highest, code)
    at = at + 1 + bytes
  end
  tree:add_proto_expert_info(e.no_end)
  return at
end

local function handshake(state, tree, rest, pinfo)
  if not state.first then return fail(state, tree, e.handshake_not_first) end
  if rest:len() < 5 then return fail(state, tree, e.truncated) end
  tree:add(f.source, rest(1, 4))
  local source = rest(1, 4):uint()
  -- The responder's HANDSHAKE goes to a channel of the initiator and adds to what that one told; the initiator's begins anew.
  local framing = copy(state.channel ~= 0 and state.framing or defaults())
  framing.told_addressing, framing.guessed = false, false
  local bytes = 5
  if rest:len() > 5 then bytes = 5 + options(state, tree, rest(5), framing) else tree:add_proto_expert_info(e.no_end) end
  if source == 0 then tree:add(f.close, rest(1, 4), true):set_generated() end
  if framing.method == 0 or framing.method == 2 then framing.hash_bytes = 0 end
  if framing.method == 0 or framing.method == 1 then framing.signature_bytes = 0 end
  if framing.method and framing.method > 1 and framing.key_signature_bytes then framing.signature_bytes = framing.key_signature_bytes end
  if source ~= 0 and not state.failed then
    state.framing = framing
    if not pinfo.visited then
      channels[towards(pinfo.src, pinfo.src_port, pinfo.dst, pinfo.dst_port, source)] = framing
      if state.channel ~= 0 then channels[state.key] = framing end
    end
  end
  return bytes
end

-- RFC 7574 §4.2: trailing ones of a bin are its layer.
local function bin_range(bin)
  local width, shifted = ONE, bin
  while shifted:band(ONE) == ONE do width, shifted = width:lshift(1), shifted:rshift(1) end
  local first = (bin - (width - ONE)):rshift(1)
  return first, first + (width - ONE)
end

local function is_node(first, last)
  local mask = last - first
  return mask:band(mask + ONE) == ZERO and first:band(mask) == ZERO
end

-- First and last of the chunk specification behind the type; nothing when it is cut off, the empty bin, or ends before it begins.
local function range_of(state, rest)
  local a = state.framing.addressing
  local bytes = RANGE_BYTES[a]
  if rest:len() < 1 + bytes then return nil end
  if a == BIN32 or a == BIN64 then
    local bin = rest(1, bytes):uint64()
    if bin == (a == BIN32 and ALL32 or ALL64) then return nil end
    return bin_range(bin)
  end
  local first, last = rest(1, bytes / 2):uint64(), rest(1 + bytes / 2, bytes / 2):uint64()
  if last < first then return nil end
  return first, last
end

local function show_range(state, tree, spec, first, last)
  local a = state.framing.addressing
  if a ~= BIN32 and a ~= BIN64 then
    local half = spec:len() / 2
    tree:add(f.first, spec(0, half))
    tree:add(f.last, spec(half))
  else
    local item = tree:add(a == BIN32 and f.bin32 or f.bin64, spec)
    if first == nil then item:append_text(" (empty)") return end
    item:append_text(string.format(" (chunks %s to %s)", tostring(first), tostring(last)))
    tree:add(f.first, spec, first):set_generated()
    tree:add(f.last, spec, last):set_generated()
  end
  if first then tree:add(f.count, spec, last - first + ONE):set_generated() end
end

local function data(state, tree, rest, first, last, at)
  local bytes = rest:len() - at
  if bytes == 0 then return fail(state, tree, e.empty_chunk) end
  -- RFC 7574 §8.6: chunks of a fixed size may follow one another.
  local fixed = state.framing.chunk_bytes
  if fixed ~= 0 and bytes > fixed then bytes = fixed end
  local in_bytes = state.framing.addressing == BYTE64
  if in_bytes and last - first ~= UInt64(bytes - 1) then return fail(state, tree, e.bad_chunk_bytes) end
  if not in_bytes and first ~= last then return fail(state, tree, e.bad_range) end
  tree:add(f.data, rest(at, bytes))
  tree:add(f.data_length, rest(at, bytes), bytes):set_generated()
  return at + bytes
end

-- RFC 7574 §6.1.2.2 wants an NTP timestamp, the reference implementation sends microseconds since 1970: both readings, if they can be.
local function show_time(tree, stamp)
  tree:add(f.ntp, stamp)
  local seconds = stamp(0, 4):uint() - 2208988800 -- 1900 to 1970 (RFC 5905 §6)
  local fraction = math.floor(stamp(4, 4):uint() / 4294967296 * 1e9)
  if seconds >= 0 then tree:add(f.ntp_time, stamp, NSTime(seconds, fraction)):set_generated() end
  local micros = stamp:uint64():tonumber()
  if micros > 946684800e6 and micros < 4102444800e6 then -- 2000 to 2100
    tree:add(f.unix_time, stamp, NSTime(math.floor(micros / 1e6), micros % 1e6 * 1000)):set_generated()
  end
end

local SIGNED, DATA, ACK, INTEGRITY = 7, 1, 2, 4

local function body_bytes(state, type)
  if type == INTEGRITY then return state.framing.hash_bytes end
  return type == SIGNED and state.framing.signature_bytes or 0
end

-- Messages with a chunk specification. Returns the bytes they take.
local function ranged(state, tree, rest, type, first, last)
  local timed = type == DATA or type == ACK or type == SIGNED
  local at = 1 + RANGE_BYTES[state.framing.addressing]
  local body = body_bytes(state, type)
  if type == INTEGRITY and body == 0 then return fail(state, tree, e.no_hash) end
  if type == SIGNED and body == 0 then return fail(state, tree, e.no_signature) end
  if rest:len() < at + (timed and 8 or 0) + body then return fail(state, tree, e.truncated) end
  show_range(state, tree, rest(1, at - 1), first, last)
  if first == nil then return fail(state, tree, e.bad_range) end
  if body ~= 0 and state.framing.addressing ~= BYTE64 and not is_node(first, last) then return fail(state, tree, e.bad_range) end
  if timed then
    if type == SIGNED then show_time(tree, rest(at, 8)) else tree:add(type == DATA and f.timestamp or f.delay, rest(at, 8)) end
    at = at + 8
  end
  if type == DATA then return data(state, tree, rest, first, last, at) end
  if body ~= 0 then tree:add(type == SIGNED and f.signature or f.hash, rest(at, body)) end
  return at + body
end

-- RFC 7574 §8.13
local function pex(state, tree, rest, type)
  if type == 13 then
    local bytes = rest:len() >= 3 and rest(1, 2):uint() or VARIABLE
    if rest:len() < 3 + bytes then return fail(state, tree, e.truncated) end
    tree:add(f.certificate_length, rest(1, 2))
    if bytes ~= 0 then tree:add(f.certificate, rest(3, bytes)) end
    return 3 + bytes
  end
  local bytes = type == 5 and 4 or 16
  if rest:len() < 3 + bytes then return fail(state, tree, e.truncated) end
  tree:add(type == 5 and f.ipv4 or f.ipv6, rest(1, bytes))
  tree:add(f.port, rest(1 + bytes, 2))
  return 3 + bytes
end

local RANGED = {[1] = true, [2] = true, [3] = true, [4] = true, [7] = true, [8] = true, [9] = true}

-- One message at the head of `rest`; returns its bytes, or nothing when it cannot be read.
local function message(state, tree, rest, pinfo)
  local type = rest(0, 1):uint()
  local text, first, last = TYPES[type] or string.format("Unknown (%d)", type), nil, nil
  if RANGED[type] then first, last = range_of(state, rest) end
  if first then text = string.format("%s %s-%s", text, tostring(first), tostring(last)) end
  state.texts[#state.texts + 1] = text
  local item = tree:add(f.message, rest, text)
  item:set_text(text)
  item:add(f.type, rest(0, 1))
  local bytes = 1
  if TYPES[type] == nil then return fail(state, item, type == 255 and e.reserved_type or e.unknown_type) end
  if type == 0 then bytes = handshake(state, item, rest, pinfo) end
  if RANGED[type] then bytes = ranged(state, item, rest, type, first, last) end
  if type == 5 or type == 12 or type == 13 then bytes = pex(state, item, rest, type) end
  if bytes == nil or state.failed then return nil end
  item:set_len(bytes)
  return bytes
end

local function framing_of(pinfo, key)
  if frames[pinfo.number] and frames[pinfo.number][key] then return frames[pinfo.number][key] end
  local framing = channels[key] or defaults()
  frames[pinfo.number] = frames[pinfo.number] or {}
  frames[pinfo.number][key] = framing
  return framing
end

-- Repeated messages are counted rather than repeated: "INTEGRITY x5, DATA 3-3".
local function summary(texts)
  local out, run = {}, 0
  for i, text in ipairs(texts) do
    local type = text:match("^%S+")
    local following = texts[i + 1] and texts[i + 1]:match("^%S+")
    run = run + 1
    if following ~= type then
      out[#out + 1] = run == 1 and text or string.format("%s x%d", type, run)
      run = 0
    end
  end
  return table.concat(out, ", ")
end

function ppspp.dissector(buffer, pinfo, root)
  if buffer:len() < 4 then return 0 end
  pinfo.cols.protocol = "PPSPP"
  local tree = root:add(ppspp, buffer())
  tree:add(f.destination, buffer(0, 4))
  local channel = buffer(0, 4):uint()
  local key = towards(pinfo.dst, pinfo.dst_port, pinfo.src, pinfo.src_port, channel)
  local state = {channel = channel, key = key, framing = framing_of(pinfo, key), first = true, failed = false, texts = {},
                 cut = buffer:reported_len() > buffer:len()}
  local at, guess = 4, false
  while at < buffer:len() do
    local bytes = message(state, tree, buffer(at), pinfo)
    guess = guess or state.framing.guessed and RANGED[buffer(at, 1):uint()]
    state.first = false
    if bytes == nil then break end
    at = at + bytes
  end
  if at < buffer:len() then tree:add(f.rest, buffer(at)) end
  if at == 4 and buffer:len() == 4 then tree:add(f.keep_alive, buffer(0, 4), true):set_generated() end
  if guess then tree:add_proto_expert_info(e.guessed) end
  if state.framing.swarm then tree:add(f.swarm, buffer(0, 4), state.framing.swarm):set_generated() end
  local info = #state.texts == 0 and "keep-alive" or summary(state.texts)
  pinfo.cols.info = string.format("0x%08x %s%s", channel, info, state.failed and not state.cut and " [malformed]" or "")
  tree:append_text(string.format(", channel 0x%08x: %s", channel, info))
  return buffer:len()
end

-- A datagram that begins a conversation: channel 0, HANDSHAKE with a source channel, version 1 first, and a list that ends.
local function begins(buffer)
  if buffer:len() < 12 or buffer(0, 4):uint() ~= 0 or buffer(4, 1):uint() ~= 0 or buffer(5, 4):uint() == 0 then return false end
  if buffer(9, 2):uint() ~= 0x0001 then return false end
  local at, addressing, highest = 9, CHUNK32, -1
  while at < buffer:len() do
    local code = buffer(at, 1):uint()
    if code == 255 then return true end
    if code > 9 or code <= highest then return false end
    if code == 6 and at + 1 < buffer:len() then addressing = buffer(at + 1, 1):uint() end
    local bytes = option_bytes(code, buffer(at), {addressing = addressing})
    if bytes == nil then return false end
    at, highest = at + 1 + bytes, code
  end
  return false
end

local function heuristic(buffer, pinfo, root)
  if not ppspp.prefs.heuristic or not begins(buffer) then return false end
  pinfo.conversation = ppspp
  ppspp.dissector(buffer, pinfo, root)
  return true
end
ppspp:register_heuristic("udp", heuristic)

local udp_ports = DissectorTable.get("udp.port")
local registered = ""
function ppspp.prefs_changed()
  if registered == ppspp.prefs.ports then return end
  if registered ~= "" then udp_ports:remove(registered, ppspp) end
  registered = ppspp.prefs.ports
  if registered ~= "" then udp_ports:add(registered, ppspp) end
end
udp_ports:add_for_decode_as(ppspp)
