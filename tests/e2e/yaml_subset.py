"""Reads the YAML that echogwctl writes: block mappings and sequences, scalars as in JSON."""

import json


def load(text):
    lines = [(len(l) - len(l.lstrip(" ")), l.strip()) for l in text.splitlines() if l.strip()]
    value, end = _block(lines, 0)
    if end != len(lines):
        raise ValueError(f"line {end + 1} is indented as no block is: {lines[end]}")
    return value


def _block(lines, at):
    if at < len(lines) and lines[at][1].startswith("-"):
        return _sequence(lines, at)
    if len(lines) == 1 and at == 0 and not _is_member(lines[0][1]):
        return json.loads(lines[0][1]), 1
    return _mapping(lines, at)


def _is_member(text):
    return text.startswith('"') is False and ":" in text


def _sequence(lines, at):
    indent = lines[at][0]
    items = []
    while at < len(lines) and lines[at][0] == indent and lines[at][1].startswith("-"):
        inner = lines[at][1][1:].lstrip()
        if _is_member(inner) and not inner.startswith(("{", "[")):
            # The item goes on in the lines below, from where its first member stands.
            lines[at] = (indent + len(lines[at][1]) - len(inner), inner)
            value, at = _mapping(lines, at)
            items.append(value)
        else:
            items.append(json.loads(inner))
            at += 1
    return items, at


def _mapping(lines, at):
    indent = lines[at][0]
    members = {}
    while at < len(lines) and lines[at][0] == indent and not lines[at][1].startswith("-"):
        text = lines[at][1]
        if text.startswith('"'):
            key, length = json.JSONDecoder().raw_decode(text)
            rest = text[length:]
        else:
            key, colon, rest = text.partition(":")
            rest = colon + rest
        if not rest.startswith(":") or key in members:
            raise ValueError(f"no member, or one that comes twice: {text}")
        rest = rest[1:].strip()
        at += 1
        if rest:
            members[key] = json.loads(rest)
        elif at < len(lines) and lines[at][0] > indent:
            members[key], at = _block(lines, at)
        else:
            raise ValueError(f"{key} has no value")
    return members, at
