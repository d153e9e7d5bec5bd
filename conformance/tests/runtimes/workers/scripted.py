"""
A worker that has its answers from a file and notes what it was asked.

Arguments: a file with the first line and the answers, a file for the requests, and a file of bytes, which are written
into the folder of each request under the name ``y``.
"""

import json
import sys
from pathlib import Path

if __name__ == "__main__":
    answers, requests, result = map(Path, sys.argv[1:])
    lines = iter(answers.read_bytes().splitlines(keepends=True))
    with requests.open("wb", buffering=0) as log:
        sys.stdout.buffer.write(next(lines))
        sys.stdout.flush()
        for line in sys.stdin.buffer:
            log.write(line)
            request = json.loads(line)
            if request["do"] == "quit":
                break
            (Path(request["folder"]) / "y").write_bytes(result.read_bytes())
            sys.stdout.buffer.write(next(lines))
            sys.stdout.flush()
