#!/usr/bin/env python3
"""A second verifier of bundles, written from docs/verification.md with the standard library alone.

    verify.py [--key KEY]... BUNDLE     prints the outcome as JSON
    verify.py --many                    reads {"bundle": base64, "keys": [...]} a line, prints an outcome a line
"""

import base64
import hashlib
import io
import json
import re
import sys

import log
from texts import (
    Malformed,
    from_base64url,
    hash_from_base64,
    hash_from_hex,
    is_time,
    is_uuid,
    read_json,
    to_base64url,
)

MAX_LINE = 16 * 1024 * 1024
REMEMBERED = 1 << 20
HEADER = {
    "consistency": list, "end": str, "format": str, "from": (str, type(None)), "frontier": list, "keys": list,
    "origin": str, "previous": (str, type(None)), "start": (str, type(None)), "tenant_id": str,
    "to": (str, type(None)),
}
ENTRY = {"_sd", "event_id", "raw_args_hash", "recorded_by", "redaction_flags", "request_id", "risk_labels",
         "tenant_id", "tool", "v"}
ENTRY_TEXTS = {"action", "correlation_id", "decision", "environment", "outcome"}
ENTRY_OPTIONAL = ENTRY_TEXTS | {"latency_ms", "occurred_at", "trust_level"}


class Failed(Exception):
    def __init__(self, code, **data):
        super().__init__(code)
        self.reason = {"code": code, **data}


def is_texts(value):
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def is_integer(value, lowest, highest):
    return type(value) is int and lowest <= value <= highest


class Bundle:
    def __init__(self, keys):
        self.pinned = [log.read_key(key) for key in keys]
        self.lines = 0
        self.header = None
        self.report = None

    def line(self, whole):
        """One line with its newline, or what is left at the end without one."""
        if self.report:
            raise Failed("TRAILING_DATA")
        if len(whole) > MAX_LINE:
            raise Failed("LINE_TOO_LONG", line=self.lines + 1)
        if not whole.endswith(b"\n"):
            return
        self.lines += 1
        text = whole[:-1]
        if self.header is None:
            self.begin(text)
        elif text.startswith(b'{"disclosures":'):
            self.leaf(self.members(text, {"disclosures", "entry", "index"}))
        elif text.startswith(b'{"index":'):
            self.absent(self.members(text, {"index", "leaf_hash"}))
        elif text.startswith(b'{"leaves":'):
            self.end(self.members(text, {"leaves", "sha256"}))
        else:
            raise Failed("LINE_MALFORMED", line=self.lines)
        if self.report is None:
            self.checksum.update(whole)

    def members(self, text, names):
        types = {"disclosures": is_texts, "entry": lambda value: isinstance(value, str)}
        types["leaf_hash"] = types["sha256"] = types["entry"]
        types["index"] = types["leaves"] = lambda value: is_integer(value, 0, 2**53 - 1)
        try:
            line = read_json(text)
            if set(line) != names or not all(types[name](line[name]) for name in names):
                raise Malformed
            return line
        except Malformed as error:
            raise Failed("LINE_MALFORMED", line=self.lines) from error

    def begin(self, text):
        try:
            header = read_json(text)
            if not isinstance(header, dict) or set(header) != set(HEADER):
                raise Malformed
            if not all(isinstance(header[name], kind) for name, kind in HEADER.items()):
                raise Malformed
            if not all(is_texts(header[name]) for name in ("consistency", "frontier", "keys")):
                raise Malformed
            if not is_uuid(header["tenant_id"]):
                raise Malformed
            if not all(header[name] is None or is_time(header[name]) for name in ("from", "to")):
                raise Malformed
        except Malformed as error:
            raise Failed("HEADER_MALFORMED", what="line") from error
        if header["format"] != "countersign/bundle/v1":
            raise Failed("HEADER_MALFORMED", what="format")
        if not log.is_name(header["origin"]):
            raise Failed("HEADER_MALFORMED", what="origin")
        if None not in (header["from"], header["to"]) and header["from"] >= header["to"]:
            raise Failed("HEADER_MALFORMED", what="to")
        listed = self.part(header, "keys", log.read_key)
        is_sorted = all(one < next for one, next in zip(header["keys"], header["keys"][1:]))
        if len(listed) > 64 or not is_sorted or any(key[0] != header["origin"] for key in listed):
            raise Failed("HEADER_MALFORMED", what="keys")
        frontier = self.part(header, "frontier", hash_from_base64)
        consistency = self.part(header, "consistency", hash_from_base64)

        self.status = "SIGNED_PINNED" if self.pinned else "SIGNED_TOFU" if listed else "UNSIGNED"
        points = {
            which: header[which] if header[which] is None else self.checkpoint(header, which, self.pinned or listed)
            for which in ("start", "end", "previous")
        }
        start, end, previous = points["start"], points["end"], points["previous"]
        if start and start[1] == 0:
            raise Failed("CHECKPOINT_MALFORMED", which="start")
        for which in ("start", "previous"):
            if points[which] and points[which][1] > end[1]:
                raise Failed("ROLLED_BACK", which=which)
        try:
            self.tree = log.Tree(start[1] if start else 0, frontier)
        except Malformed as error:
            raise Failed("FRONTIER_MISMATCH") from error
        if start and self.tree.root() != start[2]:
            raise Failed("FRONTIER_MISMATCH")
        if previous and previous[1] > 0:
            is_continued = log.is_prefix(previous[1], end[1], previous[2], end[2], consistency)
        else:
            is_continued = not consistency
        if not is_continued:
            raise Failed("CONSISTENCY_INVALID")

        self.header, self.end_point = header, end
        self.first = self.tree.size
        self.previous = {"size": previous[1], "root": previous[2].hex()} if previous else None
        self.complete(header, start, end)
        self.events = self.absent_entries = self.erased = 0
        self.seen, self.all_compared = {}, True
        self.checksum = hashlib.sha256()

    @staticmethod
    def part(header, name, read):
        try:
            return [read(text) for text in header[name]]
        except (Malformed, UnicodeEncodeError) as error:
            raise Failed("HEADER_MALFORMED", what=name) from error

    def checkpoint(self, header, which, keys):
        try:
            note = log.read_note(header[which])
            point = log.read_checkpoint(note[0])
        except Malformed as error:
            raise Failed("CHECKPOINT_MALFORMED", which=which) from error
        if point[0] != header["origin"]:
            raise Failed("ORIGIN_MISMATCH", which=which)
        if self.status != "UNSIGNED":
            try:
                log.check_signatures(note, header["origin"], keys)
            except log.SignatureInvalid as error:
                raise Failed("SIGNATURE_INVALID", which=which) from error
            except log.SignatureMissing as error:
                raise Failed("SIGNATURE_MISSING", which=which) from error
        return point

    def complete(self, header, start, end):
        begin = header["from"]
        if start:
            begin = max(begin or "", start[3])
        until = min(header["to"] or end[4], end[4])
        self.span = None if begin is not None and begin >= until else {"from": begin, "to": until}
        self.covers = self.span is not None and begin == header["from"] and header["to"] in (None, until)

    def expect(self, index):
        if index != self.tree.size:
            raise Failed("INDEX_UNEXPECTED", expected=self.tree.size, found=index)
        if index >= self.end_point[1]:
            raise Failed("LEAF_SURPLUS", index=index)

    def absent(self, line):
        self.expect(line["index"])
        try:
            leaf = hash_from_hex(line["leaf_hash"])
        except Malformed as error:
            raise Failed("LINE_MALFORMED", line=self.lines) from error
        self.absent_entries += 1
        self.tree.append(leaf)

    def leaf(self, line):
        index = line["index"]
        self.expect(index)
        text = line["entry"].encode()
        try:
            entry = read_entry(text)
        except Malformed as error:
            raise Failed("ENTRY_MALFORMED", index=index) from error
        if entry["tenant_id"] != self.header["tenant_id"]:
            raise Failed("TENANT_MISMATCH", index=index)
        if entry["event_id"] in self.seen:
            raise Failed("EVENT_DUPLICATE", index=index)
        self.seen[entry["event_id"]] = None
        if len(self.seen) > REMEMBERED:
            self.all_compared = False
            del self.seen[next(iter(self.seen))]
        names, last = [], ""
        for disclosure in line["disclosures"]:
            if disclosure <= last:
                raise Failed("DISCLOSURE_MALFORMED", index=index)
            last = disclosure
            if to_base64url(hashlib.sha256(disclosure.encode()).digest()) not in entry["_sd"]:
                raise Failed("DISCLOSURE_UNCOMMITTED", index=index)
            try:
                name = disclosed_name(disclosure)
            except Malformed as error:
                raise Failed("DISCLOSURE_MALFORMED", index=index) from error
            if name in names:
                raise Failed("DISCLOSURE_MALFORMED", index=index)
            names.append(name)
        self.events += 1
        self.erased += len(entry["_sd"]) - len(names)
        self.tree.append(log.leaf_hash(text))

    def end(self, line):
        _, size, root, _, _ = self.end_point
        if self.tree.size != size:
            raise Failed("LEAVES_MISSING", expected=self.tree.size, size=size)
        if self.tree.root() != root:
            raise Failed("ROOT_MISMATCH")
        if line["leaves"] != size - self.first:
            raise Failed("COUNT_MISMATCH")
        if line["sha256"] != self.checksum.hexdigest():
            raise Failed("CHECKSUM_MISMATCH")
        self.report = {
            "origin": self.header["origin"], "tenant_id": self.header["tenant_id"], "first_index": self.first,
            "size": size, "root": root.hex(), "events": self.events, "absent_entries": self.absent_entries,
            "erased_values": self.erased,
            "requested": {"from": self.header["from"], "to": self.header["to"]}, "complete": self.span,
            "covers_request": self.covers, "previous": self.previous,
            "ids_all_compared": self.all_compared, "sha256": line["sha256"],
        }


def read_entry(text):
    if len(text) > 65_535:
        raise Malformed
    entry = read_json(text)
    if not isinstance(entry, dict) or not ENTRY <= set(entry) <= ENTRY | ENTRY_OPTIONAL:
        raise Malformed
    texts = ["recorded_by", "request_id", "tool", "raw_args_hash", *(ENTRY_TEXTS & set(entry))]
    is_right = (
        type(entry["v"]) is int and entry["v"] == 1
        and all(isinstance(entry[name], str) for name in texts)
        and is_texts(entry["_sd"]) and is_texts(entry["redaction_flags"]) and is_texts(entry["risk_labels"])
        and is_uuid(entry["event_id"]) and is_uuid(entry["tenant_id"])
        and ("occurred_at" not in entry or is_time(entry["occurred_at"]))
        and ("latency_ms" not in entry or is_integer(entry["latency_ms"], 1 - 2**53, 2**53 - 1))
        and ("trust_level" not in entry or is_integer(entry["trust_level"], -(2**15), 2**15 - 1))
        and all(re.fullmatch(r"[A-Za-z0-9_-]{43}", digest) for digest in entry["_sd"])
        and all(one < next for one, next in zip(entry["_sd"], entry["_sd"][1:]))
    )
    if not is_right:
        raise Malformed
    hash_from_hex(entry["raw_args_hash"])
    return entry


def disclosed_name(disclosure):
    items = read_json(from_base64url(disclosure))
    if not isinstance(items, list) or len(items) != 3 or not isinstance(items[0], str):
        raise Malformed
    salt, name, value = items
    if len(salt) != 22 or len(from_base64url(salt)) != 16 or depth(value) > 100:
        raise Malformed
    is_right = {
        "args_salt": lambda: isinstance(value, str) and re.fullmatch(r"[0-9a-f]{32}", value),
        "caller_id": lambda: isinstance(value, str),
        "sanitized_args": lambda: isinstance(value, dict),
    }
    if not isinstance(name, str) or name not in is_right or not is_right[name]():
        raise Malformed
    return name


def depth(value):
    """Levels of arrays and objects."""
    if not isinstance(value, (list, dict)):
        return 0
    items = value.values() if isinstance(value, dict) else value
    return 1 + max((depth(item) for item in items), default=0)


def verify(lines, keys):
    """The outcome of a bundle, whose lines come with their newlines."""
    bundle = Bundle(keys)
    try:
        for line in lines:
            bundle.line(line)
        if bundle.report is None:
            raise Failed("TRUNCATED", lines=bundle.lines)
    except Failed as failed:
        return {"status": "FAILED", "reason": failed.reason}
    return {"status": bundle.status, "report": bundle.report}


def main(arguments):
    if arguments == ["--many"]:
        for line in sys.stdin:
            asked = json.loads(line)
            lines = io.BytesIO(base64.b64decode(asked["bundle"]))
            print(json.dumps(verify(lines, asked["keys"])))
        return 0
    keys = []
    while len(arguments) > 2 and arguments[0] == "--key":
        keys.append(arguments[1])
        arguments = arguments[2:]
    if len(arguments) != 1:
        sys.exit(__doc__)
    with open(arguments[0], "rb") as file:
        outcome = verify(iter(lambda: file.readline(MAX_LINE + 1), b""), keys)
    print(json.dumps(outcome))
    return 0 if outcome["status"] == "SIGNED_PINNED" else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
