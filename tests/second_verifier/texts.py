"""The spellings of docs/verification.md: Base64, canonical JSON, times, UUIDs."""

import base64
import binascii
import json
import re
from json.encoder import encode_basestring


class Malformed(Exception):
    """A text does not have its one spelling."""


def from_base64(text):
    try:
        decoded = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed from error
    if base64.b64encode(decoded).decode() != text:
        raise Malformed
    return decoded


def from_base64url(text):
    """Without padding."""
    if not re.fullmatch(r"[A-Za-z0-9_-]*", text, re.ASCII):
        raise Malformed
    try:
        decoded = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError) as error:
        raise Malformed from error
    if to_base64url(decoded) != text:
        raise Malformed
    return decoded


def to_base64url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def hash_from_base64(text):
    decoded = from_base64(text)
    if len(decoded) != 32:
        raise Malformed
    return decoded


def hash_from_hex(text):
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise Malformed
    return bytes.fromhex(text)


def is_uuid(text):
    return isinstance(text, str) and re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text) is not None


def is_time(text):
    match = isinstance(text, str) and re.fullmatch(
        r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})\.[0-9]{3}Z", text
    )
    if not match:
        return False
    year, month, day, hour, minute, second = (int(part) for part in match.groups())
    if year < 1 or not 1 <= month <= 12 or hour > 23 or minute > 59 or second > 59:
        return False
    is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    days = [31, 29 if is_leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    return 1 <= day <= days[month - 1]


def number(value):
    """A number as ECMAScript writes it, which is how RFC 8785 does."""
    if isinstance(value, int):
        value = float(value)
    if value == 0:
        return "0"
    mantissa, _, exponent = f"{value!r}".partition("e")
    sign = "-" if mantissa.startswith("-") else ""
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    fraction = "" if fraction == "0" else fraction
    # 0.d1d2d3… times ten to the power of `point`.
    point = len(whole) + int(exponent or 0)
    digits = whole + fraction
    stripped = digits.lstrip("0")
    point -= len(digits) - len(stripped)
    digits = stripped.rstrip("0")
    if len(digits) <= point <= 21:
        return sign + digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    tail = f"e{'+' if point > 0 else '-'}{abs(point - 1)}"
    return sign + digits[0] + ("." + digits[1:] if len(digits) > 1 else "") + tail


def canonical(value):
    """Canonical JSON (RFC 8785)."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, (int, float)):
        return number(value)
    if isinstance(value, str):
        return encode_basestring(value)
    if isinstance(value, list):
        return "[" + ",".join(canonical(item) for item in value) + "]"
    names = sorted(value, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
    return "{" + ",".join(f"{canonical(name)}:{canonical(value[name])}" for name in names) + "}"


def _members(pairs):
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Malformed
    return members


def _refuse(_):
    raise Malformed


_DECODER = json.JSONDecoder(object_pairs_hook=_members, parse_constant=_refuse)


def read_json(data):
    """The value of bytes that are canonical JSON."""
    try:
        text = data.decode("utf-8")
        value = _DECODER.decode(text)
        if canonical(value).encode("utf-8") != data:
            raise Malformed
        return value
    except (ValueError, OverflowError, RecursionError) as error:
        raise Malformed from error
