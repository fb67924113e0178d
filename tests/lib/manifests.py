#!/usr/bin/env python3
"""manifests.py DIR: writes manifests that break the schema, DIR/NAME.json, each with DIR/NAME.place: a word that the
refusal must contain to be of use (the name of the member that is wrong)."""
import copy
import json
import os
import sys

GOOD = {
    "acKind": "ImageManifest", "acVersion": "0.8.11", "name": "example.com/schema",
    "labels": [{"name": "version", "value": "1.0.0"}, {"name": "os", "value": "linux"}, {"name": "arch", "value": "amd64"}],
    "app": {
        "exec": ["/bin/probe", "identity"], "user": "0", "group": "0", "workingDirectory": "/",
        "environment": [{"name": "A", "value": "1"}],
        "mountPoints": [{"name": "data", "path": "/data", "readOnly": False}],
        "ports": [{"name": "www", "protocol": "tcp", "port": 80}],
        "isolators": [{"name": "resource/memory", "value": {"limit": "64M"}}],
        "eventHandlers": [{"name": "pre-start", "exec": ["/bin/true"]}],
        "supplementaryGIDs": [10],
    },
    "annotations": [{"name": "created", "value": "2015-01-01T00:00:00Z"}],
}


def changed(path, value):
    m = copy.deepcopy(GOOD)
    at = m
    for step in path[:-1]:
        at = at[step]
    if value is None:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return json.dumps(m)


def isolator(name, value):
    return changed(["app", "isolators"], [{"name": name, "value": value}])


CASES = {
    "kind-missing": (changed(["acKind"], None), "acKind"),
    "kind-other": (changed(["acKind"], "PodManifest"), "acKind|ACKind"),
    "kind-number": (changed(["acKind"], 3), "acKind"),
    "version-missing": (changed(["acVersion"], None), "acVersion"),
    "version-zero": (changed(["acVersion"], "0.0.0"), "acVersion"),
    "version-words": (changed(["acVersion"], "one"), "acVersion"),
    "name-missing": (changed(["name"], None), "name"),
    "name-empty": (changed(["name"], ""), "name"),
    "name-upper": (changed(["name"], "Example.com/A"), "name"),
    "name-dots": (changed(["name"], "../../etc"), "name"),
    "name-list": (changed(["name"], ["a"]), "name"),
    "labels-object": (changed(["labels"], {"version": "1"}), "labels"),
    "label-twice": (changed(["labels"], GOOD["labels"] + [{"name": "version", "value": "2"}]), "version"),
    "label-name": (changed(["labels"], GOOD["labels"] + [{"name": "name", "value": "x"}]), "label"),
    "label-os": (changed(["labels", 1, "value"], "plan9"), "os"),
    "label-arch": (changed(["labels", 2, "value"], "vax"), "arch"),
    "label-no-value": (changed(["labels", 0], {"name": "version"}), "labels"),
    "app-list": (changed(["app"], []), "app"),
    "exec-string": (changed(["app", "exec"], "/bin/sh"), "exec"),
    "exec-numbers": (changed(["app", "exec"], [1, 2]), "exec"),
    "user-missing": (changed(["app", "user"], None), "user"),
    "user-empty": (changed(["app", "user"], ""), "user"),
    "group-missing": (changed(["app", "group"], None), "group"),
    "gids-words": (changed(["app", "supplementaryGIDs"], ["ten"]), "supplementaryGIDs"),
    "directory-relative": (changed(["app", "workingDirectory"], "tmp"), "workingDirectory"),
    "environment-object": (changed(["app", "environment"], {"A": "1"}), "environment"),
    "environment-name": (changed(["app", "environment"], [{"name": "1=2", "value": "x"}]), "environment"),
    "environment-twice": (changed(["app", "environment"], [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]), "environment"),
    "mountpoint-name": (changed(["app", "mountPoints"], [{"name": "Data", "path": "/d"}]), "mountPoints|mount"),
    "mountpoint-no-path": (changed(["app", "mountPoints"], [{"name": "data"}]), "path"),
    "port-zero": (changed(["app", "ports", 0, "port"], 0), "port"),
    "port-large": (changed(["app", "ports", 0, "port"], 70000), "port"),
    "port-range": (changed(["app", "ports", 0], {"name": "www", "protocol": "tcp", "port": 65000, "count": 1000}), "port"),
    "port-words": (changed(["app", "ports", 0, "port"], "http"), "port"),
    "handler-name": (changed(["app", "eventHandlers", 0, "name"], "on-start"), "eventHandler"),
    "handler-twice": (changed(["app", "eventHandlers"], GOOD["app"]["eventHandlers"] * 2), "eventHandler"),
    "isolator-unknown": (isolator("example.com/magic", {}), "example.com/magic"),
    "isolator-memory": (isolator("resource/memory", {"limit": "much"}), "memory"),
    "isolator-memory-negative": (isolator("resource/memory", {"limit": "-1"}), "memory"),
    "isolator-cpu": (isolator("resource/cpu", {"limit": "fast"}), "cpu"),
    "isolator-caps-empty": (isolator("os/linux/capabilities-retain-set", {"set": []}), "capabilities"),
    "isolator-oom": (isolator("os/linux/oom-score-adj", 2000), "oom"),
    "isolator-shares": (isolator("os/linux/cpu-shares", 1), "cpu-shares"),
    "isolator-seccomp-both": (changed(["app", "isolators"], [
        {"name": "os/linux/seccomp-retain-set", "value": {"set": ["read"]}},
        {"name": "os/linux/seccomp-remove-set", "value": {"set": ["write"]}}]), "seccomp"),
    "isolator-caps-both": (changed(["app", "isolators"], [
        {"name": "os/linux/capabilities-retain-set", "value": {"set": ["CAP_KILL"]}},
        {"name": "os/linux/capabilities-remove-set", "value": {"set": ["CAP_CHOWN"]}}]), "capabilities"),
    "annotation-created": (changed(["annotations", 0, "value"], "yesterday"), "created|date|Date"),
    "annotation-twice": (changed(["annotations"], GOOD["annotations"] * 2), "annotation"),
    "dependency-empty": (changed(["dependencies"], [{"imageName": ""}]), "imageName"),
    "dependency-id": (changed(["dependencies"], [{"imageName": "example.com/a", "imageID": "md5-00"}]), "imageID|hash"),
    "json-cut": (json.dumps(GOOD)[:-10], "."),
    "json-trailing": (json.dumps(GOOD) + " x", "."),
    "json-twice": (json.dumps(GOOD)[:-1] + ', "name": "example.com/other"}', "name"),
    "json-nul": (json.dumps(GOOD).replace("/bin/probe", "/bin/\\u0000probe"), "."),
    "json-array": ("[]", "."),
    "json-empty": ("", "."),
    "json-utf8": (json.dumps(GOOD).replace("/bin/probe", "PLACE"), "."),
}

for name, (text, place) in CASES.items():
    data = text.encode().replace(b"PLACE", b"\xff\xfe") if name == "json-utf8" else text.encode()
    with open(os.path.join(sys.argv[1], name + ".json"), "wb") as f:
        f.write(data)
    with open(os.path.join(sys.argv[1], name + ".place"), "w") as f:
        f.write(place + "\n")
