"""
A worker that applies relu to float32 and does one thing wrong, which its argument names.

It needs the standard library only, so that it starts fast. Its process id is appended to the file ``$PIDS``.
"""

import array
import json
import os
import signal
import subprocess
import sys
import time

WRONG = sys.argv[1]
CAPABILITIES = {"protocol": 1, "name": "misbehaving", "version": "1", "ops": ["relu", "logical_not"]}


def say(text):
    """Write to the host as it is."""
    sys.stdout.write(text)
    sys.stdout.flush()


def relu(request):
    """Apply relu and return the answer."""
    values = array.array("f")
    with open(os.path.join(request["folder"], request["input.x.file"]), "rb") as file:
        values.frombytes(file.read())
    values = array.array("f", [max(value, 0.0) for value in values])
    with open(os.path.join(request["folder"], "y"), "wb") as file:
        file.write(values.tobytes())
    return {
        "id": request["id"],
        "status": "ok",
        "output.y.dtype": "float32",
        "output.y.shape": request["input.x.shape"],
        "output.y.file": "y",
    }


def end_by_signal(request):
    """End as a program does that reads where it may not."""
    sys.stderr.write("first line\n\x1b[31mout of\trange\x07\n")
    sys.stderr.flush()
    os.kill(os.getpid(), signal.SIGSEGV)


def end_once(request):
    """End in the first process, answer in the second."""
    with open(os.environ["PIDS"]) as file:
        if len(file.read().split()) == 1:
            os._exit(7)
    say(json.dumps(relu(request)) + "\n")


def start_a_child_and_hang(request):
    """Leave a child behind that would live for long."""
    child = subprocess.Popen(["sleep", "1000"])
    with open(os.environ["PIDS"], "a") as file:
        file.write(f"{child.pid}\n")
    time.sleep(1000)


def put(request, name, data):
    """Write another file into the folder."""
    with open(os.path.join(request["folder"], name), "wb") as file:
        file.write(data)


def point_outside(request):
    """Answer with a link to a file elsewhere."""
    os.symlink(__file__, os.path.join(request["folder"], "link"))
    say(json.dumps({**relu(request), "output.y.file": "link"}) + "\n")


def pipe(request):
    """Answer with a file that would never end."""
    os.mkfifo(os.path.join(request["folder"], "pipe"))
    say(json.dumps({**relu(request), "output.y.file": "pipe"}) + "\n")


def talk(request):
    """Write more on standard error than a pipe holds, before and after the answer."""
    sys.stderr.write("talk\n" * 500_000)
    say(json.dumps(relu(request)) + "\n")
    sys.stderr.write("talk\n" * 500_000)


def change_the_answer(request):
    """Answer equal requests differently."""
    answer = relu(request)
    put(request, "y", array.array("f", [float(request["id"])] * 3).tobytes())
    say(json.dumps(answer) + "\n")


def close_output(request):
    """Go on without standard output."""
    os.close(1)
    time.sleep(1000)


def changed(**changes):
    """Return a wrong thing to do: change keys of the right answer, or leave out those that are None."""

    def answer(request):
        keys = {**relu(request), **{key.replace("_", "."): value for key, value in changes.items()}}
        say(json.dumps({key: value for key, value in keys.items() if value is not None}) + "\n")

    return answer


def filled(values, **changes):
    """Return a wrong thing to do: answer with other bytes."""

    def answer(request):
        keys = {**relu(request), **{key.replace("_", "."): value for key, value in changes.items()}}
        put(request, "y", values)
        say(json.dumps(keys) + "\n")

    return answer


NAN = float("nan")
DEEDS = {
    "nothing": lambda request: say(json.dumps(relu(request)) + "\n"),
    "end by signal": end_by_signal,
    "end": lambda request: os._exit(5),
    "end once": end_once,
    "end in a line": lambda request: (say('{"id":1,"sta'), os._exit(0)),
    "hang": lambda request: time.sleep(1000),
    "hang in a line": lambda request: (say('{"id":1,"sta'), time.sleep(1000)),
    "hang with a child": start_a_child_and_hang,
    "close output": close_output,
    "garbage": lambda request: say("relu \x1b[31mis done <b>\n"),
    "a list": lambda request: say("[]\n"),
    "a key twice": lambda request: say('{"id":1,"id":1}\n'),
    "endless line": lambda request: (say("x" * 2**20), time.sleep(1000)),
    "long line": lambda request: say(json.dumps({**relu(request), "detail": "x" * 2**20}) + "\n"),
    "another id": changed(id=99),
    "two lines": lambda request: say(json.dumps(relu(request)) + "\nand done\n"),
    "another status": changed(status="done"),
    "error": changed(status="error", detail="out of\nmemory"),
    "unsupported": changed(status="unsupported", detail="no relu on Sundays"),
    "no output": lambda request: say(json.dumps({"id": request["id"], "status": "ok"}) + "\n"),
    "no shape": changed(output_y_shape=None),
    "one output more": changed(output_z_dtype="float32"),
    "unknown dtype": changed(output_y_dtype="float8"),
    "shape of text": changed(output_y_shape="3"),
    "negative shape": changed(output_y_shape=[-3]),
    "enormous shape": changed(output_y_shape=[0, 2**62]),
    "many axes": changed(output_y_shape=[1] * 33),
    "file elsewhere": changed(output_y_file="/etc/hostname"),
    "file above": changed(output_y_file="../y"),
    "file with a nul": changed(output_y_file="y\0"),
    "no file": changed(output_y_file="z"),
    "folder": changed(output_y_file="."),
    "link": point_outside,
    "pipe": pipe,
    "short file": filled(b"\0" * 11),
    "long file": filled(b"\0" * 13),
    "odd bool": filled(b"\0\1\2", output_y_dtype="bool"),
    "wrong shape": changed(output_y_shape=[1, 3]),
    "wrong dtype": changed(output_y_dtype="int32"),
    "nan": filled(array.array("f", [NAN, NAN, NAN]).tobytes()),
    "in float64": filled(array.array("d", [1.0, 3.0, 0.0]).tobytes(), output_y_dtype="float64"),
    "talk": talk,
    "change the answer": change_the_answer,
}

FIRST_LINES = {
    "end at start": lambda: (sys.stderr.write("no licence\n"), os._exit(3)),
    "hang at start": lambda: time.sleep(1000),
    "greet": lambda: say("Welcome to misbehaving 1.0!\n"),
    "another protocol": lambda: say(json.dumps({**CAPABILITIES, "protocol": 2}) + "\n"),
    "misspelt operator": lambda: say(json.dumps({**CAPABILITIES, "ops": ["relu", "layernorm"]}) + "\n"),
    "misspelt key": lambda: say(json.dumps({**CAPABILITIES, "operators": []}) + "\n"),
    "no version": lambda: say('{"protocol":1,"name":"misbehaving","ops":[]}\n'),
    "can do nothing": lambda: say('{"protocol":1,"name":"misbehaving","version":"1"}\n'),
}


def start():
    """Say what can be done, or do what is wrong at the start."""
    with open(os.environ["PIDS"], "a+") as file:
        file.write(f"{os.getpid()}\n")
        file.seek(0)
        starts = len(file.read().split())
    if WRONG == "end at every other start" and starts > 1:
        os._exit(4)
    if WRONG == "another name later" and starts > 1:
        return say(json.dumps({**CAPABILITIES, "name": "somebody else"}) + "\n")
    if WRONG in FIRST_LINES:
        return FIRST_LINES[WRONG]()
    return say(json.dumps(CAPABILITIES) + "\n")


if __name__ == "__main__":
    start()
    for line in sys.stdin:
        request = json.loads(line)
        if request["do"] == "quit":
            break
        DEEDS.get(WRONG, DEEDS["end"])(request)
