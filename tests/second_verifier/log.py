"""Trees, keys, notes and checkpoints of docs/verification.md."""

import hashlib
import re

import ed25519
from texts import Malformed, from_base64, hash_from_base64, is_time

MAX_SIZE = 2**63 - 1
EMPTY_ROOT = hashlib.sha256(b"").digest()


class SignatureInvalid(Exception):
    """A known key's signature is wrong."""


class SignatureMissing(Exception):
    """No key that counts signed."""


def leaf_hash(entry):
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """The right edge of a tree: its perfect subtrees as (leaves, hash), the widest first."""

    def __init__(self, size=0, hashes=()):
        widths = [1 << bit for bit in reversed(range(64)) if size >> bit & 1]
        if len(widths) != len(hashes):
            raise Malformed
        self.size = size
        self.subtrees = list(zip(widths, hashes))

    def append(self, leaf):
        subtree = (1, leaf)
        while self.subtrees and self.subtrees[-1][0] == subtree[0]:
            width, left = self.subtrees.pop()
            subtree = (2 * width, node_hash(left, subtree[1]))
        self.subtrees.append(subtree)
        self.size += 1

    def root(self):
        if not self.subtrees:
            return EMPTY_ROOT
        root = self.subtrees[-1][1]
        for _, left in reversed(self.subtrees[:-1]):
            root = node_hash(left, root)
        return root


def is_prefix(first, second, first_root, second_root, path):
    """RFC 9162 section 2.1.4.2, for sizes above zero."""
    if first == second:
        return not path and first_root == second_root
    if first & (first - 1) == 0:
        path = [first_root, *path]
    if not path:
        return False
    node, last = first - 1, second - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    smaller = larger = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            smaller, larger = node_hash(sibling, smaller), node_hash(sibling, larger)
            while node & 1 == 0 and node != 0:
                node, last = node >> 1, last >> 1
        else:
            larger = node_hash(larger, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and smaller == first_root and larger == second_root


def is_included(index, size, leaf, path, root):
    """RFC 9162 section 2.1.3.2."""
    if index >= size:
        return False
    node, last, result = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if node & 1 or node == last:
            result = node_hash(sibling, result)
            while node & 1 == 0 and node != 0:
                node, last = node >> 1, last >> 1
        else:
            result = node_hash(result, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and result == root


def is_name(text):
    return bool(text) and "+" not in text and not any(character.isspace() or character < " " for character in text)


def read_key(text):
    """(name, id, public key) of a verifier key."""
    parts = text.split("+", 2)
    if len(parts) != 3:
        raise Malformed
    name, key_id, encoded = parts
    decoded = from_base64(encoded)
    if not is_name(name) or len(decoded) != 33 or decoded[0] != 1 or not ed25519.is_key(decoded[1:]):
        raise Malformed
    expected = hashlib.sha256(name.encode() + b"\n" + decoded).digest()[:4]
    if key_id != expected.hex():
        raise Malformed
    return name, expected, decoded[1:]


def read_note(text):
    """The text and the signatures (name, id, bytes) of a note."""
    if len(text.encode()) > 1_000_000 or re.search(r"[\x00-\x09\x0b-\x1f]", text):
        raise Malformed
    before, separator, lines = text.rpartition("\n\n")
    if not separator or not lines.endswith("\n"):
        raise Malformed
    lines = lines[:-1].split("\n")
    if len(lines) > 100:
        raise Malformed
    signatures = []
    for line in lines:
        match = re.fullmatch(r"\u2014 ([^ ]+) ([^ ]*)", line)
        if not match or not is_name(match[1]):
            raise Malformed
        decoded = from_base64(match[2])
        if len(decoded) < 5:
            raise Malformed
        signatures.append((match[1], decoded[:4], decoded[4:]))
    return before + "\n", signatures


def check_signatures(note, origin, keys):
    """Who among `keys` signed for the origin."""
    text, signatures = note
    signers = []
    for name, key_id, signature in signatures:
        known = [key for key in keys if key[0] == name and key[1] == key_id]
        if not known:
            continue
        valid = [key for key in known if ed25519.verify(key[2], text.encode(), signature)]
        if not valid:
            raise SignatureInvalid
        signers += [key for key in valid if key[0] == origin]
    if not signers:
        raise SignatureMissing


def read_checkpoint(text):
    """(origin, size, root, sealed_at, sealed_through) of a checkpoint's text."""
    if not text.endswith("\n"):
        raise Malformed
    lines = text[:-1].split("\n")
    if len(lines) != 5 or not all(lines):
        raise Malformed
    origin, size, root, at, through = lines
    if not re.fullmatch(r"0|[1-9][0-9]{0,18}", size) or int(size) > MAX_SIZE:
        raise Malformed
    if not at.startswith("sealed_at ") or not through.startswith("sealed_through "):
        raise Malformed
    at, through = at.removeprefix("sealed_at "), through.removeprefix("sealed_through ")
    root = hash_from_base64(root)
    if not is_time(at) or not is_time(through) or through > at or (size == "0" and root != EMPTY_ROOT):
        raise Malformed
    return origin, int(size), root, at, through
