"""A client of the protocol that misbehaves in the way it is told to. Standard library only."""

import json
import os
import struct
import sys
import time
from typing import Any

MODE = sys.argv[1]
SHAPES: dict[str, list[int]] = {"w": [2], "v": [1]}
POINT = {"w": [1.0, 2.0], "v": [3.0]}
FAMILIES: list[dict[str, Any]] = [
    {
        "kind": "scalings",
        "names": ["both"],
        "row": "M2",
        "slices": [
            {"tensor": "w", "axis": 0, "members": [0, 0], "indices": [0, 1], "weights": [1, 1]},
            {"tensor": "v", "axis": None, "members": [0], "indices": [0], "weights": [-1.0]},
        ],
    },
    {
        "kind": "shifts",
        "names": ["w"],
        "row": "",
        "slices": [{"tensor": "w", "axis": 0, "members": [0, 0], "indices": [0, 1], "weights": [1, 1]}],
    },
]
EXTRA: dict[str, Any] = {
    "extra-field": {"surprise": 1},
    "other-answer": {"answer": "goodbye"},
    "version": {"flowlaw": 2},
    "no-bytes": {"bytes": "0"},
    "negative-body": {"bytes": -1},
    "huge-body": {"bytes": 2**40},
    "dtype": {"dtype": ["float64"]},
    "float8": {"dtype": "float8"},
    "no-tensors": {"tensors": {}},
    "shape": {"tensors": {"w": [2, -1]}},
    "astronomic": {"tensors": {"w": [2**30, 2**30]}},
    "roundings": {"roundings": True},
    "family-member": {"families": [{**FAMILIES[0], "names": []}]},
    "family-axis": {"families": [{**FAMILIES[0], "slices": [{**FAMILIES[0]["slices"][0], "axis": 1}]}]},
    "family-tensor": {"families": [{**FAMILIES[0], "slices": [{**FAMILIES[0]["slices"][0], "tensor": "u"}]}]},
}
OPTIMIZERS: dict[str, Any] = {
    "optimizer-kind": {"kind": "adm", "lr": 0.5},
    "optimizer-field": {"kind": "sgd", "lr": 0.5, "momentun": 0.5},
    "optimizer-nan": {"kind": "sgd", "lr": "nan"},
    "optimizer-group": {"groups": [{"kind": "sgd", "lr": 0.5, "tensors": ["w"]}]},
}


def safetensors(values: dict[str, list[float]], code: str = "d") -> bytes:
    header: dict[str, object] = {}
    data = b""
    for name, numbers in values.items():
        part = struct.pack(f"<{len(numbers)}{code}", *numbers)
        header[name] = {
            "dtype": "F64" if code == "d" else "F32",
            "shape": [len(numbers)],
            "data_offsets": [len(data), len(data) + len(part)],
        }
        data += part
    if MODE == "hostile-offsets":
        header["w"] = {"dtype": "F64", "shape": [2**40], "data_offsets": [0, 2**43]}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def body(values: dict[str, list[float]]) -> bytes:
    if MODE == "wrong-shape":
        values = {**values, "w": [1.0, 2.0, 3.0]}
    if MODE == "lost-tensor":
        values = {"w": values["w"]}
    if MODE == "other-name":
        values = {**values, "surprise": [1.0]}
    if MODE == "nan":
        values = {**values, "w": [1.0, float("nan")]}
    content = safetensors(values, "f" if MODE == "wrong-dtype" else "d")
    return content[:-3] if MODE == "truncated-tensors" else content


def say(header: dict[str, object], content: bytes = b"") -> None:
    header = {"flowlaw": 1, **header, "bytes": len(content)}
    if header["answer"] == "hello":
        header.update(EXTRA.get(MODE, {}))
    out = sys.stdout.buffer
    line = json.dumps(header).encode()
    if MODE == "garbage":
        line = b"Loading model..."
    if MODE == "binary":
        line = b"\xff\x00\xfe"
    if MODE == "list":
        line = b"[1]"
    if MODE == "deep":
        line = b"[" * 100_000
    if MODE == "twice":
        line = line[:-1] + b', "bytes": 0}'
    if MODE == "bare-nan":
        line = line[:-1] + b', "loss": NaN}'
    if MODE == "endless-line":
        out.write(b"x" * 3 * 2**20)
    out.write(line + b"\n")
    if MODE == "half-body" and content:
        out.write(content[:5])
        out.flush()
        sys.exit(0)
    if MODE == "hangs-in-body" and content:
        content = content[:5]
    if MODE == "drips":
        for byte in content:
            time.sleep(0.05)
            out.write(bytes([byte]))
            out.flush()
        return
    out.write(content)
    if MODE == "more-bytes":
        out.write(b"and more")
    out.flush()


def hello() -> dict[str, object]:
    fields: dict[str, object] = {"dtype": "float64", "tensors": SHAPES, "roundings": 4, "families": FAMILIES}
    if MODE == "missing-field":
        del fields["tensors"]
    return fields


def respond(header: dict[str, Any]) -> None:
    request = header["request"]
    answer: dict[str, object] = {"answer": request}
    if request == "hello":
        say({**answer, **hello()})
    elif request == "optimizer":
        groups = [
            {"kind": "sgd", "lr": 0.25, "weight_decay": 0.5, "tensors": ["w"]},
            {"kind": "sgd", "lr": 0.25, "tensors": ["v"]},
        ]
        plain = {"kind": "sgd", "lr": 0.5}
        say({**answer, "optimizer": OPTIMIZERS.get(MODE, {"groups": groups} if header["step"] else plain)})
    elif request == "gradient":
        loss: object = {"text-loss": "low", "nan-loss": "nan"}.get(MODE, 1.5)
        if MODE == "skips-unknown":
            say({**answer, "loss": loss, "skipped": ["u"]}, body(POINT))
        elif header["batch"] == 1:
            say({**answer, "loss": loss, "skipped": ["v"]}, body({"w": [1.0, 1.0]}))
        else:
            say({**answer, "loss": loss}, body(POINT))
    elif request in ("draw", "read"):
        say(answer, body(POINT))
    else:
        say(answer)


def main() -> None:
    sys.stderr.write(f"mode {MODE}\n")
    sys.stderr.flush()
    if MODE == "exit":
        sys.exit(7)
    if MODE == "closes-stdout":
        os.close(1)
        time.sleep(30)
    if MODE == "ignores-sigterm":
        import signal

        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if MODE == "child-hangs" and os.fork():
        sys.exit(0)
    if MODE in ("hangs", "never-reads", "ignores-sigterm", "child-hangs"):
        time.sleep(30)
    while line := sys.stdin.buffer.readline():
        header = json.loads(line)
        sys.stdin.buffer.read(header["bytes"])
        if MODE == "floods-stderr":
            sys.stderr.write("x" * 500_000)
        if MODE == "declines":
            say({"answer": "error", "message": "no thanks"})
        else:
            respond(header)
        if MODE == "exit-after-hello":
            sys.exit(7)


main()
