# SPDX-License-Identifier: MIT
"""docs/bench-schema.json against a document: the part of JSON Schema that it uses, and no more.

A keyword that is not known here is an error, so that none is passed over in silence.
"""

import json
import os

from _program import SOURCE

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None),
         "integer": int, "number": (int, float)}
WORDS = {"$schema", "$id", "$defs", "title", "description"}  # that ask for nothing

with open(os.path.join(SOURCE, "docs", "bench-schema.json"), encoding="utf-8") as file:
    SCHEMA = json.load(file)


def is_a(value, name):
    return isinstance(value, TYPES[name]) and (name == "boolean" or not isinstance(value, bool))


def complaints(value, schema, at="report"):
    """What is wrong with `value`, as sentences."""
    found = []
    for keyword, rule in schema.items():
        if keyword in WORDS:
            continue
        found += [f"{at}{complaint}" for complaint in CHECKS[keyword](value, rule, schema)]
    return found


def nested(value, schema, at):
    return complaints(value, schema, at)


def check_reference(value, rule, _schema):
    return nested(value, SCHEMA["$defs"][rule.removeprefix("#/$defs/")], "")


def check_type(value, rule, _schema):
    names = [rule] if isinstance(rule, str) else rule
    return [] if any(is_a(value, name) for name in names) else [f": {value!r} is no {rule}"]


def check_one_of(value, rule, _schema):
    outcomes = [nested(value, one, "") for one in rule]
    if sum(not outcome for outcome in outcomes) == 1:
        return []
    return [f": none or several of {len(rule)} forms: {min(outcomes, key=len)}"]


def check_properties(value, rule, schema):
    if not isinstance(value, dict):
        return []
    found = [f".{key}{complaint}" for key, one in rule.items() if key in value
             for complaint in nested(value[key], one, "")]
    if schema.get("additionalProperties", True) is False:
        found += [f": '{key}' is not in the schema" for key in value.keys() - rule.keys()]
    return found


def check_items(value, rule, _schema):
    if not isinstance(value, list):
        return []
    return [f"[{index}]{complaint}" for index, one in enumerate(value)
            for complaint in nested(one, rule, "")]


def check_minimum(value, rule, _schema):
    return [f": {value} is below {rule}"] if is_a(value, "number") and value < rule else []


CHECKS = {
    "$ref": check_reference,
    "type": check_type,
    "oneOf": check_one_of,
    "properties": check_properties,
    "additionalProperties": lambda *_: [],  # by check_properties
    "items": check_items,
    "minimum": check_minimum,
    "minItems": lambda value, rule, _: [": too few"] if len(value) < rule else [],
    "required": lambda value, rule, _: [f": '{key}' is missing" for key in rule
                                        if isinstance(value, dict) and key not in value],
    "enum": lambda value, rule, _: [] if value in rule else [f": {value!r} is none of {rule}"],
    "const": lambda value, rule, _: [] if value == rule else [f": {value!r} is not {rule!r}"],
}


def validate(report):
    """Raises unless `report` is as the schema says."""
    found = complaints(report, SCHEMA["$defs"][report["kind"]]) + complaints(report, SCHEMA)
    assert not found, "\n".join(found)
