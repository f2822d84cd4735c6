"""Asks Prometheus what every panel of a dashboard asks, and fails where one has nothing to show.

    panels.py http://127.0.0.1:9090 deploy/grafana/dashboard.json
"""

import json
import math
import sys
import time
import urllib.parse
import urllib.request

PATIENCE = 60  # seconds, for the last panel to have data

# What Grafana puts in its place.
FILLED = {"$__rate_interval": "1m", "$domain": ".*"}


def queries(dashboard):
    """Title and expressions of every panel, however deep."""
    for panel in dashboard.get("panels", []):
        expressions = [target["expr"] for target in panel.get("targets", [])]
        if expressions:
            yield panel["title"], expressions
        yield from queries(panel)


def has_data(prometheus, expression):
    for name, value in FILLED.items():
        expression = expression.replace(name, value)
    url = f"{prometheus}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
    with urllib.request.urlopen(url, timeout=10) as answer:
        series = json.load(answer)["data"]["result"]
    return any(not math.isnan(float(one["value"][1])) for one in series)


def main():
    prometheus, path = sys.argv[1:]
    with open(path) as file:
        panels = list(queries(json.load(file)))
    began = time.monotonic()
    while True:
        empty = [title for title, asked in panels if not any(has_data(prometheus, one) for one in asked)]
        if not empty or time.monotonic() - began > PATIENCE:
            break
        time.sleep(1)
    for title in empty:
        print(f"FAIL  {title}: no data")
    print(f"{len(panels) - len(empty)} of {len(panels)} panels have data")
    sys.exit(1 if empty or not panels else 0)


main()
