#!/usr/bin/env python3
"""trace.py FILE: what each program did, from the output of `strace -f -o FILE`. One line for each fact:

  PROGRAM socket FAMILY        PROGRAM connect FAMILY     PROGRAM opens NAME-OF-LIBRARY
  PROGRAM executes PROGRAM     PROGRAM becomes UID"""
import re
import sys


def calls(file):
    """Pairs of process and call, those that were interrupted by others' put together."""
    unfinished = {}
    for line in open(file, errors="replace"):
        pid, _, call = line.rstrip().partition(" ")
        call = call.strip()
        if call.endswith("<unfinished ...>"):
            unfinished[pid] = call[:-len("<unfinished ...>")]
        elif call.startswith("<... "):
            yield pid, unfinished.pop(pid, "") + call.partition("resumed>")[2]
        else:
            yield pid, call


def parents(file):
    # A child may be seen before the call that made it returns.
    started = re.compile(r"(?:clone3?|fork|vfork)\b.*= (\d+)$")
    return {m[1]: pid for pid, call in calls(file) if (m := started.match(call))}


def facts(file):
    parent, program = parents(file), {}
    for pid, call in calls(file):
        me = program.setdefault(pid, program.get(parent.get(pid), "?"))
        executed = re.match(r'exec(?:ve|veat)\(.*?\[("[^"]*").*= 0$', call)
        if executed:
            program[pid] = executed[1].strip('"').rsplit("/", 1)[-1]
            yield me, "executes " + program[pid]
        asked = re.match(r"(socket|connect)\(.*?(AF_\w+)", call)
        if asked:
            yield me, f"{asked[1]} {asked[2]}"
        identity = re.match(r"setresuid\((\d+), .*= 0$", call)
        if identity:
            yield me, "becomes " + identity[1]
        library = re.match(r'open(?:at)?\(.*"[^"]*/(lib[^"/]*?)\.so[^"]*".*= \d+', call)
        if library:
            yield me, "opens " + library[1]


for who, what in sorted(set(facts(sys.argv[1]))):
    print(who, what)
