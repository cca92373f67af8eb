#!/usr/bin/python3
"""Reads OpenMetrics text with the parser of Prometheus' Python client, which is strict about form and order.

Text on standard input; JSON on standard output: a list of families with their samples. A mistake ends it with a traceback.
"""
import json
import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families

text = sys.stdin.buffer.read().decode("utf-8")
families = [
    {
        "name": family.name,
        "type": family.type,
        "unit": family.unit,
        "samples": [{"name": s.name, "labels": s.labels, "value": s.value} for s in family.samples],
    }
    for family in text_string_to_metric_families(text)
]
json.dump(families, sys.stdout)
